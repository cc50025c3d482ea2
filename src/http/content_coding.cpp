#include "http/content_coding.hpp"

#include <zlib.h>
#include <zstd.h>

#include <array>
#include <memory>

#include "base/encoding.hpp"
#include "base/plaintext.hpp"

namespace granary::http {

namespace {

constexpr int kLayersMax = 3;
constexpr std::size_t kPiece = 16 * 1024;
constexpr std::string_view kGzip = "\x1f\x8b";

enum class Coding { none, gzip_or_zlib, raw_deflate, zstd };

bool is_zlib_head(std::string_view body) {
  if (body.size() < 2 || (body[0] & 0x0f) != 8 || (static_cast<unsigned char>(body[0]) >> 4) > 7) return false;
  return (static_cast<unsigned char>(body[0]) * 256 + static_cast<unsigned char>(body[1])) % 31 == 0;
}

Coding coding_of(std::string_view body, bool is_deflate_named) {
  if (body.starts_with(kGzip)) return Coding::gzip_or_zlib;
  if (body.starts_with("\x28\xb5\x2f\xfd")) return Coding::zstd;
  if (is_zlib_head(body)) return Coding::gzip_or_zlib;
  return is_deflate_named ? Coding::raw_deflate : Coding::none;
}

struct Piecewise {
  std::string out;
  Decoding end = Decoding::damaged;
};

// Adds a piece; false once that is more than may be.
bool add(Piecewise& result, std::string_view piece, std::size_t bytes_max) {
  result.out += piece.substr(0, bytes_max - result.out.size());
  if (result.out.size() < bytes_max || piece.empty()) return true;
  result.end = Decoding::too_large;
  return false;
}

Piecewise inflate_body(std::string_view body, bool is_raw, std::size_t bytes_max) {
  Piecewise result;
  z_stream stream{};
  // 32: gzip or zlib, by the head.
  if (inflateInit2(&stream, is_raw ? -MAX_WBITS : MAX_WBITS + 32) != Z_OK) return result;
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  std::array<char, kPiece> piece{};
  int state = Z_OK;
  while (state == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = piece.size();
    state = inflate(&stream, Z_NO_FLUSH);
    if (!add(result, {piece.data(), piece.size() - stream.avail_out}, bytes_max)) return result;
  }
  if (state == Z_STREAM_END) result.end = Decoding::decoded;
  return result;
}

Piecewise decompress_zstd(std::string_view body, std::size_t bytes_max) {
  Piecewise result;
  const std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> stream(ZSTD_createDStream(), ZSTD_freeDStream);
  if (!stream) return result;
  constexpr int kWindowLogMax = 23;  // 8 MiB of memory, what browsers allow
  ZSTD_DCtx_setParameter(stream.get(), ZSTD_d_windowLogMax, kWindowLogMax);
  ZSTD_inBuffer in{.src = body.data(), .size = body.size(), .pos = 0};
  std::array<char, kPiece> piece{};
  while (true) {
    ZSTD_outBuffer out{.dst = piece.data(), .size = piece.size(), .pos = 0};
    const std::size_t left = ZSTD_decompressStream(stream.get(), &out, &in);
    if (!add(result, {piece.data(), out.pos}, bytes_max)) return result;
    if (left == 0) result.end = Decoding::decoded;
    if (left == 0 || ZSTD_isError(left) || (out.pos == 0 && in.pos == in.size)) return result;
  }
}

}  // namespace

Decoding decode_content(std::string& body, std::string_view content_encoding, std::size_t bytes_max) {
  bool is_deflate_named = to_lower(content_encoding).find("deflate") != std::string::npos;
  Decoding end = Decoding::plain;
  for (int layer = 0; layer < kLayersMax; ++layer) {
    const Coding coding = coding_of(body, is_deflate_named);
    if (coding == Coding::none) break;
    Piecewise result =
        coding == Coding::zstd ? decompress_zstd(body, bytes_max) : inflate_body(body, coding == Coding::raw_deflate, bytes_max);
    // It only looked like one: nothing came out, or two bytes of a text said "zlib" ("x^2"), or the header said "deflate" of a
    // text.
    const bool is_sure = coding == Coding::zstd || body.starts_with(kGzip) || (is_deflate_named && is_zlib_head(body));
    if (result.end == Decoding::damaged && (result.out.empty() || !is_sure)) break;
    body.swap(result.out);
    wipe(result.out);
    end = result.end;
    if (end != Decoding::decoded) break;
    is_deflate_named = false;
  }
  return end;
}

}  // namespace granary::http
