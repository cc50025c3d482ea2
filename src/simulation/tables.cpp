#include "simulation/tables.hpp"

#include <array>
#include <vector>

#include "domain/credential_health.hpp"
#include "domain/grant.hpp"
#include "domain/put_rules.hpp"

namespace granary::simulation {

namespace {

using Cells = std::vector<std::string>;

std::string line(const Cells& cells) {
  std::string out = "|";
  for (const std::string& cell : cells) out += " " + cell + " |";
  return out + "\n";
}

std::string head(const std::string& title, const Cells& cells) {
  std::string out = "\n" + title + "\n\n" + line(cells) + "|";
  for (std::size_t i = 0; i < cells.size(); ++i) out += "---|";
  return out + "\n";
}

std::string grant_table() {
  Cells cells = {"a refresh token is"};
  for (std::size_t event = 0; event < kGrantEvents; ++event) cells.emplace_back(name_of(static_cast<GrantEvent>(event)));
  std::string out = head("**Grant**: where a refresh token stands, and where it goes when it is", cells);
  for (std::size_t state = 0; state < kGrantStates; ++state) {
    cells = {std::string(name_of(static_cast<GrantState>(state)))};
    for (const GrantState to : kGrantTable[state]) cells.emplace_back(name_of(to));
    out += line(cells);
  }
  return out;
}

std::string candidate_table() {
  std::string out = head("**Candidate**: a PUT's fields beside the stored ones",
                         {"they are", "when a request leaves", "when the provider gave tokens", "found after a crash"});
  for (std::size_t i = 0; i < kCandidateStates; ++i) {
    const auto state = static_cast<CandidateState>(i);
    out += line({std::string(name_of(state)), std::string(name_of(after_sending(state))),
                 std::string(name_of(after_giving(state))), is_tried_again(state) ? "tried once more" : "dropped"});
  }
  return out;
}

std::string text_of(const StatusRule& rule, Status from) {
  const std::string to(name_of(rule.to));
  switch (rule.effect) {
    case Effect::becomes: return to;
    case Effect::needs_two: return "needs two: " + to;
    case Effect::stays: return "stays";
    case Effect::outage_rule: return std::string(name_of(from)) + "; by the outage rule " + to;
  }
  return {};
}

std::string status_table() {
  Cells cells = {"from"};
  for (std::size_t kind = 0; kind < kAnswerKinds; ++kind) cells.emplace_back(name_of(static_cast<AnswerKind>(kind)));
  std::string out = head("**Status**: what a check's answer makes of it", cells);
  for (const Status from : kAllStatuses) {
    cells = {std::string(name_of(from))};
    for (const StatusRule& rule : kStatusTable[static_cast<std::size_t>(from)]) cells.push_back(text_of(rule, from));
    out += line(cells);
  }
  return out;
}

std::string put_table() {
  Cells cells = {"the provider says of the new fields"};
  for (std::size_t stored = 0; stored < kStoredLogins; ++stored)
    cells.push_back("stored: " + std::string(name_of(static_cast<StoredLogin>(stored))));
  std::string out = head("**PUT**: what it comes to", cells);
  for (std::size_t answer = 0; answer < kPutAnswers; ++answer) {
    cells = {std::string(name_of(static_cast<PutAnswer>(answer)))};
    for (const PutEnd end : kPutTable[answer]) cells.emplace_back(name_of(end));
    out += line(cells);
  }
  return out;
}

// In the order of Situation.
constexpr std::array<std::string_view, kSituations> kSituationNames = {"ok",
                                                                       "ok, but what was asked after the refresh had no answer",
                                                                       "refused or forbidden, the first of two",
                                                                       "the same, held back by the breaker or by turns",
                                                                       "a password is refused",
                                                                       "a refresh token is refused",
                                                                       "the same, after a lost answer",
                                                                       "forbidden",
                                                                       "unavailable",
                                                                       "a key of no usable length"};

std::string next_try_table() {
  std::string out = head("**Next try** by the clock", {"after", "when"});
  for (const NextTryRule& rule : kNextTryTable)
    out += line({std::string(kSituationNames[static_cast<std::size_t>(rule.situation)]), std::string(rule.text)});
  return out;
}

}  // namespace

std::string tables_as_markdown() {
  return grant_table() + candidate_table() + status_table() + put_table() + next_try_table() + "\n";
}

}  // namespace granary::simulation
