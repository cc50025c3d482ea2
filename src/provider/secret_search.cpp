#include "provider/secret_search.hpp"

#include <algorithm>
#include <optional>

#include "base/plaintext.hpp"
#include "provider/escapes.hpp"

namespace granary {

namespace {

// What may stand between the digits of base64, which MIME breaks into lines, and of hex.
constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kBetweenHex = " \t\r\n:-";
// All that any spelling reads over. Symbols and characters are the same here.
constexpr std::string_view kReadOver = "\\ \t\r\n:-";

// One spelling of a secret, of which only a few characters are ever made at a time.
class Spelling {
 public:
  enum class Kind { as_it_is, hex, base64 };

  // Of base64 only the characters that depend on the secret alone, where it stands behind `offset` other bytes.
  Spelling(Kind kind, std::string_view secret, std::size_t offset = 0) : kind_(kind), secret_(secret), offset_(offset) {}

  bool ends_at(std::size_t at) const {
    if (kind_ == Kind::as_it_is) return at >= secret_.size();
    if (kind_ == Kind::hex) return at >= 2 * secret_.size();
    return at >= (offset_ + secret_.size()) * 8 / 6 - base64_begin();
  }
  // The character at `at`, which moves behind it. What is the same letter in another alphabet is in `other`.
  char32_t take(std::size_t& at, char32_t& other) const {
    if (kind_ == Kind::as_it_is) return other = take_character(secret_, at);
    if (kind_ == Kind::hex) {
      const unsigned half = (byte(at / 2) >> (at % 2 == 0 ? 4 : 0)) & 15;
      ++at;
      other = static_cast<unsigned char>("0123456789ABCDEF"[half]);
      return static_cast<unsigned char>("0123456789abcdef"[half]);
    }
    const std::size_t bit = (base64_begin() + at++) * 6 - offset_ * 8;
    const unsigned two = (byte(bit / 8) << 8) | (bit / 8 + 1 < secret_.size() ? byte(bit / 8 + 1) : 0);
    const unsigned six = (two >> (10 - bit % 8)) & 63;
    other = base64_digit(six, "-_");
    return base64_digit(six, "+/");
  }
  // Whether a backslash stands before: then more may stand there, since nobody knows how often it was escaped.
  bool is_behind_backslash(std::size_t at) const { return kind_ == Kind::as_it_is && at > 0 && secret_[at - 1] == '\\'; }
  // What is read over before the character at `at`, however much of it stands there.
  std::string_view read_over(std::size_t at) const {
    if (at == 0) return {};
    if (kind_ == Kind::as_it_is) return is_behind_backslash(at) ? "\\" : "";
    return kind_ == Kind::hex ? kBetweenHex : kBlanks;
  }
  // Characters of which the beginning of a secret that was cut has at least so many.
  unsigned cut_min() const { return kind_ == Kind::as_it_is ? kSecretCharactersMin : kSecretCharactersMin * 4 / 3; }

 private:
  std::size_t base64_begin() const { return (offset_ * 8 + 5) / 6; }
  unsigned byte(std::size_t at) const { return static_cast<unsigned char>(secret_[at]); }
  static char32_t base64_digit(unsigned six, const char* last_two) {
    if (six < 26) return 'A' + six;
    if (six < 52) return 'a' + six - 26;
    if (six < 62) return '0' + six - 52;
    return static_cast<unsigned char>(last_two[six - 62]);
  }

  Kind kind_;
  std::string_view secret_;
  std::size_t offset_;
};

// Characters to look for, one bit of a word for each. A state is a set of them: those that may come next.
class Pattern {
 public:
  explicit Pattern(const Readings& readings) : readings_(readings), bits_of_(readings.symbol_count()) { symbols_.reserve(128); }
  ~Pattern() { clear(); }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;

  void clear() {
    for (const std::uint32_t symbol : symbols_) bits_of_[symbol] = {};
    for (const char c : kReadOver) bits_of_[static_cast<unsigned char>(c)] = {};
    if (!symbols_.empty()) wipe(symbols_.data(), symbols_.size() * sizeof(std::uint32_t));
    symbols_.clear();
    firsts_ = lasts_ = long_enough_ = 0;
    size_ = 0;
  }
  // The characters of the spelling from `at` on, at most so many; `at` moves behind them. Returns the bit of the first one.
  std::uint64_t add(const Spelling& spelling, std::size_t& at, unsigned count_max) {
    const bool is_rest = at > 0;
    const std::uint64_t first = next_bit();
    firsts_ |= first;
    for (unsigned count = 0; count < count_max && !spelling.ends_at(at); ++count) {
      if (is_rest || count >= spelling.cut_min()) long_enough_ |= next_bit();
      for (const char c : spelling.read_over(at)) bits_of_[static_cast<unsigned char>(c)].over |= next_bit();
      char32_t other = 0;
      set(spelling.take(at, other));
      set(other);
      lasts_ = next_bit() | (lasts_ & (first - 1));
      ++size_;
    }
    return first;
  }
  unsigned size() const { return size_; }
  std::uint64_t firsts() const { return firsts_; }
  // Those before which so much stands that it is told from other text where that is cut.
  std::uint64_t long_enough() const { return long_enough_; }

  // The state before a character, from which it leads to this one or to an end.
  std::uint64_t before(std::uint64_t state, std::uint32_t symbol) const {
    const Bits& bits = bits_of_[symbol];
    return (((state >> 1) | lasts_) & bits.taken) | (state & bits.over);
  }
  bool ends_with(std::uint64_t state, std::uint32_t symbol) const { return (state & bits_of_[symbol].taken & lasts_) != 0; }
  std::uint64_t behind(std::uint64_t state, std::uint32_t symbol) const {
    const Bits& bits = bits_of_[symbol];
    return ((state & bits.taken & ~lasts_) << 1) | (state & bits.over);
  }

 private:
  // Of a symbol: the characters that it is, and those before which it is read over.
  struct Bits {
    std::uint64_t taken = 0, over = 0;
  };
  std::uint64_t next_bit() const { return std::uint64_t{1} << size_; }
  void set(char32_t character) {
    const std::uint32_t symbol = readings_.symbol_of(character);
    if (symbol == Readings::kNoSymbol) return;
    bits_of_[symbol].taken |= next_bit();
    symbols_.push_back(symbol);
  }

  const Readings& readings_;
  std::vector<Bits> bits_of_;
  std::vector<std::uint32_t> symbols_;
  unsigned size_ = 0;
  std::uint64_t firsts_ = 0, lasts_ = 0, long_enough_ = 0;
};

// To look whether a match begins at a place is less than a step.
constexpr std::size_t kLooksPerStep = 4;

class Search {
 public:
  // `passes` is how often the text will be scanned.
  Search(std::string_view text, bool is_cut, std::size_t passes)
      : readings_(text), end_(readings_.end()), is_cut_(is_cut), pattern_(readings_), rest_(readings_) {
    limit(passes);
    states_.resize(end_ + 1);
    reached_.resize(end_ + 1);
  }

  // Spellings that fit into one word with so many characters of each. What follows in a longer one is only looked at where
  // these are found, and whatever agrees is taken, up to the first difference.
  void find(const std::vector<Spelling>& spellings, unsigned characters_each) {
    std::vector<Begun> begun;
    pattern_.clear();
    for (const Spelling& spelling : spellings) {
      Begun one{.spelling = spelling};
      one.first = pattern_.add(spelling, one.at, characters_each);
      begun.push_back(one);
    }
    if (scan() & pattern_.firsts()) take_matches(begun);
  }

  Found result() {
    Found out{.ranges = {}, .searched = readings_.offset_of(end_), .steps = steps_ + followed_ + readings_.steps()};
    std::ranges::sort(found_);
    for (const auto& [from, to] : found_) {
      if (from >= end_) break;
      const std::size_t begin = readings_.offset_of(from), end = readings_.offset_of(std::min(to, end_));
      if (!out.ranges.empty() && begin < out.ranges.back().second)
        out.ranges.back().second = std::max(out.ranges.back().second, end);
      else out.ranges.emplace_back(begin, end);
    }
    return out;
  }

 private:
  using Place = std::uint32_t;
  struct Begun {
    const Spelling& spelling;
    std::uint64_t first = 0;  // its bit in the pattern
    std::size_t at = 0;       // where it goes on behind the pattern
    Place free = 0;           // where the next match may begin
  };

  void limit(std::size_t passes) {
    const std::size_t steps_max = kScanStepsMax / passes;
    if (end_ + end_ / kLooksPerStep + readings_.escapes().size() <= steps_max) return;
    const auto& escapes = readings_.escapes();
    Place place = 0;
    for (std::size_t escape = 0; place < end_ && place + place / kLooksPerStep + escape < steps_max; ++place)
      while (escape < escapes.size() && escapes[escape].from <= place) ++escape;
    cut_at(place);
  }
  void cut_at(Place place) {
    end_ = place;
    is_cut_ = true;
  }

  // Whether nothing follows, or the beginning of a character or of an escape.
  bool is_cut_at(Place place) const {
    constexpr std::size_t kEscapeMax = 12;  // a pair of them in JSON
    constexpr std::string_view kHalf = "\xEF\xBF\xBD";
    if (!is_cut_ || end_ - place >= kEscapeMax) return false;
    const std::size_t begin = readings_.offset_of(place);
    std::string_view rest = readings_.text().substr(begin, readings_.offset_of(end_) - begin);
    if (rest.empty()) return true;
    if (std::string_view("%&\\").contains(rest[0])) return rest.size() < kEscapeMax;
    for (int bytes = 0; bytes < 3 && rest.starts_with(kHalf); ++bytes) rest.remove_prefix(kHalf.size());
    return rest.empty();
  }

  // Goes back through the text, and notes for each place from which states a whole match is left to come. Returns all of them.
  std::uint64_t scan() {
    const auto& plain = readings_.plain();
    const auto& escapes = readings_.escapes();
    std::size_t escape = readings_.first_escape(end_);
    steps_ += end_ + escape + pattern_.size();
    std::uint64_t all = 0;
    states_[end_] = is_cut_ ? pattern_.long_enough() : 0;
    for (Place place = end_; place-- > 0;) {
      std::uint64_t state = pattern_.before(states_[place + 1], plain[place]);
      for (; escape > 0 && escapes[escape - 1].from == place; --escape) {
        const Reading& reading = escapes[escape - 1];
        if (reading.to <= end_) state |= pattern_.before(states_[reading.to], reading.symbol);
      }
      if (is_cut_at(place)) state |= pattern_.long_enough();
      states_[place] = state;
      all |= state;
    }
    return all;
  }

  void take_matches(std::vector<Begun>& begun) {
    steps_ += end_ / kLooksPerStep;
    for (Place place = 0; place < end_; ++place) {
      if (!(states_[place] & pattern_.firsts())) continue;
      for (Begun& one : begun) {
        if (!(states_[place] & one.first) || place < one.free) continue;
        const auto match = find_match(place, one);
        if (!match) return cut_at(place);
        found_.emplace_back(place, match->end);
        // Within what broke off, the whole secret may begin: `aaab` in `aaaab`.
        one.free = match->is_whole ? std::max(match->end, place + 1) : place + 1;
      }
    }
  }

  struct Match {
    Place end;  // the farthest
    bool is_whole;
  };

  // The match that begins here. nullopt: too costly.
  std::optional<Match> find_match(Place begin, const Begun& begun) {
    const Spelling& spelling = begun.spelling;
    std::size_t at = begun.at;
    reached_[begin] = begun.first;
    farthest_ = begin;
    if (!follow(pattern_, begin, &states_)) return std::nullopt;
    while (!ends_.empty() && !spelling.ends_at(at)) {
      rest_.clear();
      rest_.add(spelling, at, 64);
      followed_ += rest_.size();
      for (const Place end : ends_) reached_[end] |= rest_.firsts();
      farthest_ = std::ranges::max(ends_);
      if (!follow(rest_, std::ranges::min(ends_), nullptr)) return std::nullopt;
    }
    if (ends_.empty()) return Match{.end = is_cut_match_ ? end_ : farthest_, .is_whole = is_cut_match_};
    const Place end = std::ranges::max(ends_);
    return Match{.end = spelling.is_behind_backslash(at) ? behind_backslashes(end) : end, .is_whole = true};
  }

  // The last one of a secret may have been escaped, too.
  Place behind_backslashes(Place place) {
    const auto& escapes = readings_.escapes();
    for (Place next = place;; place = next) {
      if (place < end_ && readings_.plain()[place] == '\\') next = place + 1;
      for (std::size_t i = readings_.first_escape(place); i < escapes.size() && escapes[i].from == place; ++i, ++followed_)
        if (escapes[i].symbol == '\\' && escapes[i].to <= end_) next = std::max(next, escapes[i].to);
      ++followed_;
      if (next == place) return place;
    }
  }

  // Goes on from the states that are reached, as far as they lead: only into `leading` ones, where that is known. Leaves the
  // ends of the pattern in `ends_`, and no state reached. False: too costly.
  bool follow(const Pattern& pattern, Place place, const std::vector<std::uint64_t>* leading) {
    const auto& escapes = readings_.escapes();
    std::size_t escape = readings_.first_escape(place);
    ends_.clear();
    is_cut_match_ = false;
    for (; place <= farthest_; ++place) {
      const std::uint64_t state = std::exchange(reached_[place], 0);
      is_cut_match_ = is_cut_match_ || ((state & pattern.long_enough()) && is_cut_at(place));
      const auto go = [&](Place to, std::uint32_t symbol) {
        if (to > end_ || state == 0) return;
        if (pattern.ends_with(state, symbol) && (ends_.empty() || ends_.back() != to)) ends_.push_back(to);
        std::uint64_t next = pattern.behind(state, symbol);
        if (leading) next &= (*leading)[to];
        if (next == 0) return;
        reached_[to] |= next;
        farthest_ = std::max(farthest_, to);
      };
      ++followed_;
      if (place < end_) go(place + 1, readings_.plain()[place]);
      for (; escape < escapes.size() && escapes[escape].from == place; ++escape, ++followed_)
        go(escapes[escape].to, escapes[escape].symbol);
      if (followed_ <= kFollowStepsMax) continue;
      std::fill(reached_.begin() + place, reached_.begin() + farthest_ + 1, 0);
      return false;
    }
    return true;
  }

  Readings readings_;
  Place end_;  // what stands from here on is not searched
  bool is_cut_;
  Pattern pattern_, rest_;
  std::vector<std::uint64_t> states_;   // by place: what leads to a match
  std::vector<std::uint64_t> reached_;  // by place: what a match that is followed has come to
  std::vector<Place> ends_;
  Place farthest_ = 0;
  bool is_cut_match_ = false;
  std::vector<std::pair<Place, Place>> found_;
  std::size_t steps_ = 0, followed_ = 0;
};

}  // namespace

Found find_secrets(std::string_view text, const std::vector<std::string_view>& secrets, bool is_cut) {
  if (secrets.empty() || text.empty()) return {.ranges = {}, .searched = text.size(), .steps = 0};
  using Kind = Spelling::Kind;
  Search search(text, is_cut, 2 * secrets.size());
  for (const std::string_view secret : secrets) {
    search.find({Spelling(Kind::as_it_is, secret)}, 64);
    search.find({Spelling(Kind::hex, secret), Spelling(Kind::base64, secret), Spelling(Kind::base64, secret, 1),
                 Spelling(Kind::base64, secret, 2)},
                16);
  }
  return search.result();
}

}  // namespace granary
