#include "provider/readings.hpp"

#include <algorithm>

#include "base/plaintext.hpp"
#include "provider/escapes.hpp"

namespace granary {

namespace {

// As many encodings may lie in each other; JSON in JSON in JSON counts once.
constexpr int kPasses = 3;

// One encoding is taken off. The readings that it gives are added to `found`; what is left to decode is returned.
// Of a run of backslashes before an escape, nobody can say how many belong to it: it may begin at each of them.
Units decode(const Units& units, std::vector<Reading>& found) {
  Units out;
  out.reserve(units.size());
  for (std::size_t i = 0; i < units.size();) {
    const char32_t c = units[i].character;
    const std::size_t starts = c == '\\' ? behind_backslashes(units, i) : i + 1;
    std::optional<Escape> escape;
    if (c == '\\') escape = read_json_tail(units, starts);
    else if (c == '%') escape = read_percent(units, i);
    else if (c == '&') escape = read_entity(units, i);
    else if (c == '+' && units[i].is_new) found.push_back({units[i].from, units[i].to, ' '});
    const std::size_t end = escape ? escape->end : starts;
    const std::uint32_t to = units[end - 1].to;
    if (escape)
      for (std::size_t start = i; start < starts; ++start) found.push_back({units[start].from, to, escape->character});
    out.push_back({escape ? escape->character : c, units[i].from, to, escape.has_value()});
    i = end;
  }
  return out;
}

template <class Value>
void wipe_all(std::vector<Value>& values) {
  if (!values.empty()) wipe(values.data(), values.size() * sizeof(Value));
}

}  // namespace

Readings::Readings(std::string_view text) : text_(text) {
  Units units;
  units.reserve(text.size());
  offsets_.reserve(text.size() + 1);
  for (std::size_t at = 0; at < text.size();) {
    const auto place = static_cast<std::uint32_t>(units.size());
    offsets_.push_back(at);
    units.push_back({take_character(text, at), place, place + 1, true});
  }
  offsets_.push_back(text.size());
  plain_.reserve(units.size());
  for (const Unit& unit : units) plain_.push_back(number(unit.character));
  for (int pass = 0; pass < kPasses && std::ranges::any_of(units, &Unit::is_new); ++pass) {
    std::vector<Reading> found, all;
    Units next = decode(units, found);
    all.reserve(escapes_.size() + found.size());
    std::ranges::merge(escapes_, found, std::back_inserter(all), {}, &Reading::from, &Reading::from);
    steps_ += units.size() + all.size();
    wipe_all(units);
    wipe_all(escapes_);
    wipe_all(found);
    units = std::move(next);
    escapes_ = std::move(all);
  }
  wipe_all(units);
  for (Reading& escape : escapes_) escape.symbol = number(escape.symbol);
}

Readings::~Readings() {
  wipe_all(plain_);
  wipe_all(escapes_);
}

std::uint32_t Readings::number(char32_t character) {
  if (character < kLatin1) return character;
  page_of_.resize((kNoUnicode >> 8) + 1, kNoSymbol);
  std::uint32_t& page = page_of_[character >> 8];
  if (page == kNoSymbol) {
    page = static_cast<std::uint32_t>(pages_.size());
    pages_.emplace_back().fill(kNoSymbol);
  }
  std::uint32_t& symbol = pages_[page][character & 255];
  if (symbol == kNoSymbol) symbol = symbol_count_++;
  return symbol;
}

std::uint32_t Readings::symbol_of(char32_t character) const {
  if (character < kLatin1) return character;
  const std::uint32_t page = page_of_.empty() ? kNoSymbol : page_of_[character >> 8];
  return page == kNoSymbol ? kNoSymbol : pages_[page][character & 255];
}

std::size_t Readings::first_escape(std::uint32_t place) const {
  return static_cast<std::size_t>(std::ranges::lower_bound(escapes_, place, {}, &Reading::from) - escapes_.begin());
}

}  // namespace granary
