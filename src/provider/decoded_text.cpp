#include "provider/decoded_text.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "base/plaintext.hpp"
#include "provider/escapes.hpp"

namespace granary {

namespace {

constexpr unsigned kJson = 1, kPercent = 2, kHtml = 4, kAll = kJson | kPercent | kHtml;

// What is taken off, one after another. Alone, since a password may hold what looks like another encoding: `50%41off` in JSON.
constexpr std::array<std::array<unsigned, 3>, 7> kForms = {
    {{kAll}, {kJson}, {kPercent}, {kHtml}, {kAll, kAll}, {kJson, kJson}, {kAll, kAll, kAll}}};

Units units_of(std::string_view text) {
  Units units;
  units.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto from = static_cast<std::uint32_t>(at);
    const char32_t character = take_character(text, at);
    units.push_back({character, from, static_cast<std::uint32_t>(at), false});
  }
  return units;
}

std::optional<Escape> read_escape(const Units& units, std::size_t at, unsigned kinds) {
  const char32_t c = units[at].character;
  if (c == '%' && (kinds & kPercent)) return read_percent(units, at);
  if (c == '&' && (kinds & kHtml)) return read_entity(units, at);
  if (c != '\\' || !(kinds & kJson)) return std::nullopt;
  if (at + 1 < units.size() && units[at + 1].character == '\\') return Escape{'\\', at + 2};
  return read_json_tail(units, at + 1);
}

// False where nothing was decoded.
bool decode(Units& units, unsigned kinds) {
  std::size_t size = 0;
  for (std::size_t at = 0; at < units.size();) {
    const auto escape = read_escape(units, at, kinds);
    const std::size_t end = escape ? escape->end : at + 1;
    units[size++] = {escape ? escape->character : units[at].character, units[at].from, units[end - 1].to, escape.has_value()};
    at = end;
  }
  const bool is_changed = size < units.size();
  wipe(units.data() + size, (units.size() - size) * sizeof(Unit));
  units.resize(size);
  return is_changed;
}

void put_character(std::string& out, char32_t c) {
  const auto put = [&](char32_t byte) { out += static_cast<char>(byte); };
  const auto put_rest = [&](unsigned bits) { put(0x80 | ((c >> bits) & 63)); };
  if (c >= kNoUnicode) return put(c - kNoUnicode);
  if (c < 0x80) return put(c);
  put(c < 0x800 ? 0xc0 | (c >> 6) : c < 0x10000 ? 0xe0 | (c >> 12) : 0xf0 | (c >> 18));
  if (c >= 0x10000) put_rest(12);
  if (c >= 0x800) put_rest(6);
  put_rest(0);
}

DecodedText text_of(const Units& units) {
  DecodedText out;
  out.text.reserve(units.empty() ? 0 : units.back().to);
  for (const Unit& unit : units) {
    const std::size_t begin = out.text.size();
    put_character(out.text, unit.character);
    const std::size_t size = out.text.size() - begin;
    // An escape is always longer than its character.
    if (unit.to - unit.from > size) out.places.push_back(static_cast<std::uint32_t>(begin));
    out.from.insert(out.from.end(), size, unit.from);
    out.to.insert(out.to.end(), size, unit.to);
    out.is_new.insert(out.is_new.end(), size, unit.is_new);
  }
  return out;
}

}  // namespace

DecodedText::~DecodedText() { wipe(text); }

std::vector<DecodedText> decoded_forms(std::string_view text, std::size_t& steps) {
  std::vector<DecodedText> forms;
  const Units plain = units_of(text);
  forms.push_back(text_of(plain));
  forms.front().places.clear();
  for (std::uint32_t at = 0; at < forms.front().text.size(); ++at) forms.front().places.push_back(at);
  steps += text.size();
  const unsigned present =
      (text.contains('\\') ? kJson : 0) | (text.contains('%') ? kPercent : 0) | (text.contains('&') ? kHtml : 0);
  unsigned done = 0;  // a bit for each set of encodings that alone was taken off
  for (const auto& kinds : kForms) {
    // Another form with these has the same text.
    const unsigned first = kinds[0] & present;
    if (first == 0 || (kinds[1] == 0 && (done & (1U << first)))) continue;
    if (kinds[1] == 0) done |= 1U << first;
    Units units = plain;
    bool is_changed = true;
    for (std::size_t i = 0; i < kinds.size() && kinds[i] != 0 && is_changed; ++i) is_changed = decode(units, kinds[i]);
    steps += text.size();
    if (!is_changed) continue;
    DecodedText form = text_of(units);
    wipe(units.data(), units.size() * sizeof(Unit));
    const bool is_known = std::ranges::any_of(
        forms, [&](const DecodedText& other) { return other.text == form.text && other.is_new == form.is_new; });
    if (!is_known) forms.push_back(std::move(form));
  }
  return forms;
}

}  // namespace granary
