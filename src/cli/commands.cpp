#include "cli/commands.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <cstdio>
#include <expected>

#include "base/log.hpp"
#include "operation/catalog.hpp"
#include "operation/health.hpp"
#include "operation/leaf_users.hpp"
#include "operation/owners.hpp"

namespace granary::cli {

namespace {

Json refuse(std::string sentence) {
  Json answer;
  answer.set("ok", false);
  answer.set("error", std::move(sentence));
  return answer;
}

Json done() {
  Json answer;
  answer.set("ok", true);
  return answer;
}

Json answer_to(const Result<void>& result, const std::string& exists, const std::string& missing) {
  if (result) return done();
  switch (result.error().code) {
    case ErrorCode::already_exists: return refuse(exists);
    case ErrorCode::not_found: return refuse(missing);
    case ErrorCode::invalid_field: return refuse(result.error().detail);
    default: return refuse("that did not work; try again");
  }
}

Json time_or_null(const std::optional<WallTime>& time) { return time ? Json(format_wire_time(*time)) : Json(); }

Task<Json> run_owner_add(Parts& parts, const Json& request) {
  const std::string email = request.find_string("email").value_or("");
  const auto added = co_await add_owner(parts, email, Plaintext(request.find_string("password").value_or("")));
  co_return answer_to(added, "there is an owner " + email + " already; `granary owner password` changes the password", "");
}

Task<Json> run_owner_password(Parts& parts, const Json& request) {
  const std::string email = request.find_string("email").value_or("");
  const auto changed = co_await change_password(parts, email, Plaintext(request.find_string("password").value_or("")));
  co_return answer_to(changed, "", "there is no owner " + email + "; `granary owner add` makes one");
}

Task<Json> run_providers(Parts& parts, const Json&) {
  Json::Array rows;
  for (const auto& health : co_await list_provider_health(parts)) {
    Json row;
    row.set("provider", health.provider);
    row.set("environment", health.environment);
    row.set("configured", health.is_configured);
    row.set("breaker", health.breaker_opened ? "open" : "closed");
    row.set("breakerOpened", time_or_null(health.breaker_opened));
    row.set("fuse", health.fuse_blown ? "blown" : "intact");
    row.set("fuseBlown", time_or_null(health.fuse_blown));
    row.set("lastSuccess", time_or_null(health.last_success));
    for (const Status status : kAllStatuses) {
      std::int64_t count = 0;
      for (const auto& [known, number] : health.credentials)
        if (known == status) count = number;
      row.set(name_of(status), count);
    }
    rows.push_back(std::move(row));
  }
  Json answer = done();
  answer.set("rows", std::move(rows));
  co_return answer;
}

Task<Json> run_breaker_close(Parts& parts, const Json& request) {
  const std::string provider = request.find_string("provider").value_or("");
  co_return answer_to(co_await close_breakers(parts, provider), "",
                      "there is no provider " + provider + "; `granary providers` lists them");
}

// What may be asked for by a status and a provider; a sentence where one of them is none.
std::expected<CredentialFilter, std::string> read_filter(Parts& parts, const Json& request) {
  CredentialFilter filter;
  if (const auto status = request.find_string("status")) {
    const auto named = status_named(*status);
    if (!named) return std::unexpected("--status must be OK, UNAUTHENTICATED, MISSING_PERMISSION or TEMPORARILY_UNAVAILABLE");
    filter.statuses.push_back(*named);
  }
  if (const auto provider = request.find_string("provider")) {
    if (!providers(parts).find_short_name(*provider))
      return std::unexpected("there is no provider " + *provider + "; `granary providers` lists them");
    filter.providers.push_back(*provider);
  }
  return filter;
}

PageRequest read_page(const Json& request) {
  const Json* page = request.find("page");
  return {.page = page ? page->integer().value_or(0) : 0, .size = 100};
}

template <class Word>
Json name_or_null(const std::optional<Word>& word) {
  return word ? Json(name_of(*word)) : Json();
}

Json text_or_null(const std::optional<std::string>& text) { return text ? Json(*text) : Json(); }

Task<Json> run_credentials(Parts& parts, const Json& request) {
  const auto filter = read_filter(parts, request);
  if (!filter) co_return refuse(filter.error());
  const auto found = co_await list_all_health(parts, *filter, read_page(request));
  Json::Array rows;
  for (const auto& health : found.items) {
    Json row;
    row.set("id", health.id.text());
    row.set("leafUserId", health.leaf_user.text());
    if (const auto user = co_await find_user(parts, health.owner, health.leaf_user)) {
      row.set("name", text_or_null(user->name));
      row.set("email", text_or_null(user->email));
      row.set("phone", text_or_null(user->phone));
    }
    row.set("provider", health.provider);
    row.set("status", name_of(health.status));
    row.set("since", format_wire_time(health.since));
    row.set("reason", name_or_null(health.reason));
    row.set("action", name_or_null(health.action));
    row.set("message", text_or_null(health.message));
    rows.push_back(std::move(row));
  }
  Json answer = done();
  answer.set("rows", std::move(rows));
  answer.set("total", found.total);
  co_return answer;
}

Json row_of(const StatusChange& change) {
  Json row;
  row.set("time", format_wire_time(change.time));
  row.set("from", name_or_null(change.from));
  row.set("to", name_of(change.to));
  row.set("reason", name_or_null(change.reason));
  row.set("cause", name_of(change.cause));
  return row;
}

Task<Json> run_history(Parts& parts, const Json& request) {
  const auto id = CredentialId::parse(request.find_string("id").value_or(""));
  if (!id) co_return refuse("ID is the id of a credential, as `granary credentials` shows it");
  const auto found = co_await list_history(parts, *id, read_page(request));
  if (!found) co_return refuse("there is no credential " + id->text() + "; `granary credentials` lists them");
  Json::Array rows;
  for (const StatusChange& change : found->items) rows.push_back(row_of(change));
  Json answer = done();
  answer.set("rows", std::move(rows));
  answer.set("total", found->total);
  co_return answer;
}

// The changes after the one with the number `after`; without it none, but the number to go on from.
Task<Json> run_follow(Parts& parts, const Json& request) {
  const auto filter = read_filter(parts, request);
  if (!filter) co_return refuse(filter.error());
  const Json* after = request.find("after");
  const Followed followed = co_await follow_changes(parts, after ? after->integer() : std::nullopt);
  Json::Array rows;
  for (const auto& [change, now] : followed.changes) {
    if (!filter->statuses.empty() && filter->statuses.front() != change.to) continue;
    if (!filter->providers.empty() && filter->providers.front() != now.provider) continue;
    Json row = row_of(change);
    row.set("id", change.key.id.text());
    row.set("provider", now.provider);
    row.set("action", name_or_null(now.action));
    const auto user = co_await find_user(parts, now.owner, now.leaf_user);
    row.set("name", user ? text_or_null(user->name) : Json());
    rows.push_back(std::move(row));
  }
  Json answer = done();
  answer.set("rows", std::move(rows));
  answer.set("last", followed.last);
  co_return answer;
}

using Run = Task<Json> (*)(Parts&, const Json&);
constexpr std::array<std::pair<std::string_view, Run>, 7> kCommands = {{{"owner add", run_owner_add},
                                                                        {"owner password", run_owner_password},
                                                                        {"providers", run_providers},
                                                                        {"breaker close", run_breaker_close},
                                                                        {"credentials", run_credentials},
                                                                        {"history", run_history},
                                                                        {"credentials follow", run_follow}}};

// Marks for bidirectional text and line separators (Unicode 15, table 23-3 and section 5.8).
constexpr std::array<std::string_view, 14> kMarks = {"\u061c", "\u200e", "\u200f", "\u2028", "\u2029", "\u202a", "\u202b",
                                                     "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"};

// How many bytes of a control character (C0, DEL, C1) or a mark `text` begins with; 0 for what can be shown.
std::size_t unshown_at(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  if (byte(0) < 0x20 || byte(0) == 0x7f) return 1;
  if (byte(0) == 0xc2 && byte(1) >= 0x80 && byte(1) < 0xa0) return 2;
  const auto mark = std::ranges::find_if(kMarks, [&](std::string_view known) { return text.starts_with(known); });
  return mark == kMarks.end() ? 0 : mark->size();
}

std::string text_of(const Json& row, std::string_view key) {
  const Json* value = row.find(key);
  if (!value || value->is_null()) return "-";
  if (!value->string()) return value->dump();
  if (value->string()->empty()) return "-";
  // A name is whatever its owner sent: it neither steers the terminal nor turns around what stands beside it.
  std::string text;
  for (std::string_view rest = *value->string(); !rest.empty();) {
    const std::size_t unshown = unshown_at(rest);
    text += unshown > 0 ? ' ' : rest.front();
    rest.remove_prefix(std::max<std::size_t>(unshown, 1));
  }
  return text;
}

struct Column {
  std::string_view key;
  std::string_view title;
  std::size_t width = 0;  // at least
};

enum class Heading { shown, left_out };

void print_table(const std::vector<Column>& columns, const Json& answer, Heading heading = Heading::shown) {
  std::vector<std::size_t> widths;
  const auto& rows = *answer.find("rows")->array();
  for (const auto& [key, title, least] : columns) {
    std::size_t width = std::max(title.size(), least);
    for (const Json& row : rows) width = std::max(width, text_of(row, key).size());
    widths.push_back(width);
  }
  std::string out;
  if (heading == Heading::shown) {
    for (std::size_t i = 0; i < columns.size(); ++i) out += fmt::format("{:<{}}  ", columns[i].title, widths[i]);
    out += '\n';
  }
  for (const Json& row : rows) {
    for (std::size_t i = 0; i < columns.size(); ++i) out += fmt::format("{:<{}}  ", text_of(row, columns[i].key), widths[i]);
    out += '\n';
  }
  std::fputs(out.c_str(), stdout);
}

}  // namespace

Task<Json> run_command(Parts& parts, Json request) {
  const std::string name = request.find_string("command").value_or("");
  for (const auto& [known, run] : kCommands)
    if (known == name) co_return co_await run(parts, request);
  co_return refuse("the server does not know this command: are both of one version?");
}

int print_answer(const Json& request, const Json& answer) {
  const Json* ok = answer.find("ok");
  if (!ok || !ok->boolean().value_or(false)) {
    std::fprintf(stderr, "granary: %s\n", answer.find_string("error").value_or("that did not work").c_str());
    return 1;
  }
  const std::string command = request.find_string("command").value_or("");
  if (command == "providers") {
    print_table({{"provider", "PROVIDER"},
                 {"environment", "ENVIRONMENT"},
                 {"configured", "CONFIGURED"},
                 {"breaker", "BREAKER"},
                 {"fuse", "FUSE"},
                 {"OK", "OK"},
                 {"UNAUTHENTICATED", "UNAUTHENTICATED"},
                 {"MISSING_PERMISSION", "MISSING_PERMISSION"},
                 {"TEMPORARILY_UNAVAILABLE", "TEMPORARILY_UNAVAILABLE"},
                 {"lastSuccess", "LAST SUCCESS"}},
                answer);
  } else if (command == "credentials") {
    print_table({{"id", "ID"},
                 {"provider", "PROVIDER"},
                 {"status", "STATUS"},
                 {"since", "SINCE"},
                 {"leafUserId", "LEAF USER"},
                 {"name", "NAME"},
                 {"email", "EMAIL"},
                 {"phone", "PHONE"},
                 {"reason", "REASON"},
                 {"action", "ACTION"},
                 {"message", "MESSAGE"}},
                answer);
  } else if (command == "history") {
    print_table({{"time", "TIME"}, {"from", "FROM"}, {"to", "TO"}, {"reason", "REASON"}, {"cause", "CAUSE"}}, answer);
  } else if (command == "credentials follow") {
    // Line by line as they come, so the widths are those of the longest words.
    print_table({{"time", "TIME", 27},
                 {"id", "ID", 36},
                 {"provider", "PROVIDER", 9},
                 {"from", "FROM", 23},
                 {"to", "TO", 23},
                 {"reason", "REASON", 23},
                 {"action", "ACTION", 16},
                 {"cause", "CAUSE", 13},
                 {"name", "NAME"}},
                answer, request.find("after") ? Heading::left_out : Heading::shown);
  }
  return 0;
}

}  // namespace granary::cli
