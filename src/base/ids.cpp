#include "base/ids.hpp"

#include <algorithm>
#include <boost/uuid/string_generator.hpp>
#include <boost/uuid/uuid.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <stdexcept>

namespace granary {

std::string format_uuid(const IdBytes& bytes) {
  boost::uuids::uuid id{};
  std::ranges::copy(bytes, id.begin());
  return boost::uuids::to_string(id);
}

std::optional<IdBytes> parse_uuid(std::string_view text) {
  constexpr std::size_t kCharacters = 36;  // Boost takes other lengths too: in braces, without dashes
  if (text.size() != kCharacters) return std::nullopt;
  try {
    const boost::uuids::uuid id = boost::uuids::string_generator()(text.begin(), text.end());
    IdBytes bytes{};
    std::ranges::copy(id, bytes.begin());
    return bytes;
  } catch (const std::runtime_error&) {
    return std::nullopt;
  }
}

IdBytes random_uuid(Random& random) {
  IdBytes out{};
  random.fill(out.data(), out.size());
  out[6] = static_cast<std::uint8_t>((out[6] & 0x0f) | 0x40);
  out[8] = static_cast<std::uint8_t>((out[8] & 0x3f) | 0x80);
  return out;
}

}  // namespace granary
