// Numbers as bytes, for what is packed small before it is sealed. Reading never trusts what is there: it returns false where
// bytes are missing or a number is too large.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace granary {

template <class Number>
void put_fixed(std::string& out, Number value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

template <class Number>
bool take_fixed(std::string_view& in, Number& out) {
  if (in.size() < sizeof out) return false;
  std::memcpy(&out, in.data(), sizeof out);
  in.remove_prefix(sizeof out);
  return true;
}

// Seven bits a byte, the lowest first; the highest bit says that another byte follows. 0 to 127 take one byte.
inline void put_number(std::string& out, std::uint64_t value) {
  for (; value > 127; value >>= 7) out += static_cast<char>(value | 128);
  out += static_cast<char>(value);
}

inline bool take_number(std::string_view& in, std::uint64_t& out) {
  out = 0;
  for (unsigned bits = 0; bits < 64 && !in.empty(); bits += 7) {
    const auto byte = static_cast<unsigned char>(in.front());
    in.remove_prefix(1);
    if (bits == 63 && byte > 1) return false;
    out |= std::uint64_t{byte & 127U} << bits;
    if (byte < 128) return true;
  }
  return false;
}

// Small numbers of either sign stay small: 0, -1, 1, -2 become 0, 1, 2, 3.
inline void put_signed(std::string& out, std::int64_t value) {
  put_number(out, (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
}

inline bool take_signed(std::string_view& in, std::int64_t& out) {
  std::uint64_t value = 0;
  if (!take_number(in, value)) return false;
  out = static_cast<std::int64_t>((value >> 1) ^ (0 - (value & 1)));
  return true;
}

}  // namespace granary
