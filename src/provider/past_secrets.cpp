#include "provider/past_secrets.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "base/encoding.hpp"
#include "base/plaintext.hpp"
#include "provider/decoded_text.hpp"

namespace granary {

namespace {

using Range = std::pair<std::size_t, std::size_t>;

// What is tried of a run beside the whole of it.
constexpr unsigned kTrimmed = 1, kBehindMark = 2, kPadded = 4, kInside = 8, kBlankForPlus = 16;

// One way to cut a text into runs.
struct Cut {
  std::array<bool, 256> ends{};  // the bytes at which a run ends
  unsigned tries = 0;
};

constexpr bool is_letter_or_digit(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80;
}
constexpr Cut cut_at_all_but(std::string_view others, unsigned tries) {
  Cut cut{.tries = tries};
  for (unsigned c = 0; c < 256; ++c)
    cut.ends[c] = !is_letter_or_digit(static_cast<unsigned char>(c)) && !others.contains(static_cast<char>(c));
  return cut;
}
constexpr Cut cut_at(std::string_view ends, unsigned tries) {
  Cut cut{.tries = tries};
  for (const char c : ends) cut.ends[static_cast<unsigned char>(c)] = true;
  return cut;
}

constexpr Cut kUnbroken = cut_at(" \t\r\n\"<>,;&", kTrimmed | kBehindMark | kBlankForPlus);
constexpr std::array<Cut, 7> kCuts = {
    cut_at_all_but("_-", 0),                                 // a word
    cut_at_all_but("_-.~+/", kTrimmed | kPadded | kInside),  // a token, also of JWT or base64
    kUnbroken,                                               // a password without blanks
    cut_at("\"&;=<>\r\n", kTrimmed | kBlankForPlus),         // a value of a form or cookie, the text of an element
    cut_at("\"\r\n", kTrimmed | kBehindMark),                // a string of JSON
    cut_at("'\r\n", kTrimmed),                               // a string of a script
    cut_at("\r\n", kTrimmed | kBehindMark),                  // a header
};

constexpr std::string_view kBlanks = " \t";
constexpr std::string_view kPunctuation = " \t.,:;!?()[]{}'`*/~+=|\\";

Range trimmed(std::string_view text, std::string_view marks) {
  const std::size_t begin = std::min(text.size(), text.find_first_not_of(marks));
  return {begin, begin == text.size() ? begin : text.find_last_not_of(marks) + 1};
}

// The parts of a run that may be a secret. Stops at the first that `is_secret` says yes to, and returns it.
template <class IsSecret>
std::optional<Range> find_part(std::string_view run, unsigned tries, IsSecret is_secret) {
  const auto try_part = [&](Range part) { return is_secret(run.substr(part.first, part.second - part.first)); };
  std::array<Range, 5> parts{{{0, run.size()}}};
  std::size_t count = 1;
  if (tries & kTrimmed) {
    parts[count++] = trimmed(run, kBlanks);
    parts[count++] = trimmed(run, kPunctuation);
  }
  if (tries & kBehindMark)
    for (const char mark : {':', '='})
      if (const auto at = run.find(mark); at != std::string_view::npos) {
        const Range rest = trimmed(run.substr(at + 1), kBlanks);
        parts[count++] = {at + 1 + rest.first, at + 1 + rest.second};
      }
  for (std::size_t i = 0; i < count; ++i)
    if (std::find(parts.begin(), parts.begin() + i, parts[i]) == parts.begin() + i && try_part(parts[i])) return parts[i];
  return std::nullopt;
}

class PastSearch {
 public:
  PastSearch(std::string_view text, const PastSecrets& past)
      : text_(text), past_(past), forms_(decoded_forms(text, steps_)), searched_(text.size()) {
    for (const DecodedText& form : forms_)
      for (const Cut& cut : kCuts) {
        walks_.push_back({.form = form, .cut = cut, .ends_at_new = &form == &forms_.front()});
        if (&form != &forms_.front()) walks_.push_back({.form = form, .cut = cut, .ends_at_new = true});
      }
  }

  // In blocks, so that where the steps run out, what stands before is searched in every form.
  void run() {
    constexpr std::size_t kBlock = 4096;
    for (std::size_t begin = 0; begin < text_.size(); begin += kBlock)
      for (Walk& walk : walks_) {
        go_on(walk, begin + kBlock);
        if (steps_ <= kPastStepsMax) continue;
        searched_ = whole_characters(text_, begin).size();
        return;
      }
  }

  Found result(bool is_cut) {
    if (is_cut || searched_ < text_.size()) add_last_run();
    Found out{.ranges = {}, .searched = searched_, .steps = steps_};
    std::ranges::sort(found_);
    for (auto [begin, end] : found_) {
      if (begin >= searched_) break;
      end = std::min(end, searched_);
      if (!out.ranges.empty() && begin <= out.ranges.back().second)
        out.ranges.back().second = std::max(out.ranges.back().second, end);
      else out.ranges.emplace_back(begin, end);
    }
    return out;
  }

 private:
  // One form, cut in one way.
  struct Walk {
    const DecodedText& form;
    const Cut& cut;
    bool ends_at_new;        // whether what the last decoding made ends a run too
    std::size_t place = 0;   // the next of form.places
    std::size_t behind = 0;  // the end of the last run

    bool is_end(std::size_t at) const {
      return cut.ends[static_cast<unsigned char>(form.text[at])] && (ends_at_new || !form.is_new[at]);
    }
  };

  void go_on(Walk& walk, std::size_t end) {
    const auto& places = walk.form.places;
    while (walk.place < places.size() && walk.form.from[places[walk.place]] < end && steps_ <= kPastStepsMax) {
      const std::size_t at = places[walk.place++];
      take_run(walk, at, at);
      // Where a decoding has made the end of a run, it has made the beginning of the next one too.
      if (walk.is_end(at)) take_run(walk, at + 1, at + 1);
      if (walk.place == places.size() || places[walk.place] >= walk.behind) continue;
      const auto next = std::lower_bound(places.begin() + static_cast<std::ptrdiff_t>(walk.place), places.end(), walk.behind);
      walk.place = static_cast<std::size_t>(next - places.begin());
      steps_ += 4;
    }
  }

  // The run around these two places, of which nothing was taken before.
  void take_run(Walk& walk, std::size_t begin, std::size_t end) {
    const std::string_view text = walk.form.text;
    while (begin > walk.behind && !walk.is_end(begin - 1)) --begin;
    while (end < text.size() && !walk.is_end(end)) ++end;
    walk.behind = std::max(end, walk.behind);
    steps_ += end - begin + 1;
    if (end - begin >= kSecretCharactersMin) try_run(walk, begin, end);
  }

  void try_run(const Walk& walk, std::size_t begin, std::size_t end) {
    const std::string_view text = walk.form.text, run = text.substr(begin, end - begin);
    const unsigned tries = walk.cut.tries;
    auto part = find_part(run, tries, [&](std::string_view one) { return is_known(one); });
    if (!part && (tries & kBlankForPlus)) part = find_part_with_blanks(walk, begin, run);
    if (part) return add(walk.form, begin + part->first, begin + part->second);
    std::size_t padded = end;
    while (padded < text.size() && padded < end + 2 && text[padded] == '=') ++padded;
    if (tries & kPadded)
      for (std::size_t to = end + 1; to <= padded; ++to)
        if (is_known(text.substr(begin, to - begin))) return add(walk.form, begin, to);
    if ((tries & kInside) && has_secret_inside(text.substr(begin, padded - begin))) add(walk.form, begin, padded);
  }

  // In a form, a plus is a blank where it was not %2B.
  std::optional<Range> find_part_with_blanks(const Walk& walk, std::size_t begin, std::string_view run) {
    if (!run.contains('+')) return std::nullopt;
    std::string copy(run);
    for (std::size_t i = 0; i < copy.size(); ++i)
      if (copy[i] == '+' && !walk.form.is_new[begin + i]) copy[i] = ' ';
    const auto part = find_part(copy, walk.cut.tries, [&](std::string_view one) { return is_secret(one); });
    wipe(copy);
    return part;
  }

  // In what base64 or hex stands for. Of what is no text nothing is digested: most words are base64 of some bytes.
  bool has_secret_inside(std::string_view encoded) {
    if (encoded.size() < kSecretCharactersMin * 4 / 3) return false;
    steps_ += encoded.size();
    for (const auto decode : {from_base64, from_hex}) {
      auto inside = decode(encoded);
      const bool found = inside && is_utf8(*inside) && has_secret(*inside);
      if (inside) wipe(*inside);
      if (found) return true;
    }
    return false;
  }
  bool has_secret(std::string_view text) {
    for (const Cut& cut : kCuts)
      for (std::size_t begin = 0; begin < text.size();) {
        std::size_t end = begin;
        while (end < text.size() && !cut.ends[static_cast<unsigned char>(text[end])]) ++end;
        steps_ += end - begin + 1;
        if (find_part(text.substr(begin, end - begin), cut.tries, [&](std::string_view part) { return is_secret(part); }))
          return true;
        begin = end + 1;
      }
    return false;
  }

  bool is_secret(std::string_view run) {
    if (run.size() < kSecretCharactersMin || steps_ > kPastStepsMax) return false;
    steps_ += kDigestSteps + run.size();
    return past_.contains(run);
  }
  // Of what stands in one of the forms: each is digested once.
  bool is_known(std::string_view run) {
    if (run.size() < kSecretCharactersMin) return false;
    steps_ += run.size() / 8 + 1;
    if (const auto known = known_.find(run); known != known_.end()) return known->second;
    if (steps_ > kPastStepsMax) return false;
    return known_.emplace(run, is_secret(run)).first->second;
  }

  void add(const DecodedText& form, std::size_t begin, std::size_t end) {
    found_.emplace_back(form.from[begin], form.to[end - 1]);
  }

  void add_last_run() {
    constexpr std::size_t kRunMax = 8 * 1024;  // what is longer is no token
    std::size_t begin = searched_;
    while (begin > 0 && !kUnbroken.ends[static_cast<unsigned char>(text_[begin - 1])]) --begin;
    if (searched_ - begin >= kSecretCharactersMin && searched_ - begin <= kRunMax) found_.emplace_back(begin, searched_);
  }

  std::string_view text_;
  const PastSecrets& past_;
  std::size_t steps_ = 0;
  std::vector<DecodedText> forms_;
  std::vector<Walk> walks_;
  std::map<std::string_view, bool> known_;
  std::vector<Range> found_;
  std::size_t searched_;  // what stands from here on was too costly
};

}  // namespace

PastSecrets::PastSecrets(std::vector<SecretDigest> digests, DigestOf digest_of)
    : digests_(std::move(digests)), digest_of_(std::move(digest_of)) {
  std::ranges::sort(digests_);
}

bool PastSecrets::contains(std::string_view run) const {
  return !digests_.empty() && std::ranges::binary_search(digests_, digest_of_(run));
}

Found find_past_secrets(std::string_view text, const PastSecrets& past, bool is_cut) {
  if (past.is_empty() || text.empty()) return {.ranges = {}, .searched = text.size(), .steps = 0};
  PastSearch search(text, past);
  search.run();
  return search.result(is_cut);
}

}  // namespace granary
