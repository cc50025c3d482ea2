// What servers compress, named or not, whole or damaged.
#include "http/content_coding.hpp"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

namespace granary::http {

namespace {

constexpr std::size_t kMax = 64 * 1024;
const std::string kText = R"({"access_token":"an-access-token","refresh_token":"a-refresh-token"})";

// 31: gzip, 15: zlib, -15: raw deflate.
std::string deflated(std::string_view text, int window) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

std::string gzip(std::string_view text) { return deflated(text, 31); }

std::string zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

TEST(ContentCoding, IsFoundByTheFirstBytesWhateverTheHeaderSays) {
  struct Row {
    std::string body, named;
    Decoding end;
  };
  const Row rows[] = {
      {gzip(kText), "gzip", Decoding::decoded},
      {gzip(kText), "", Decoding::decoded},
      {gzip(kText), "br", Decoding::decoded},
      {gzip(kText), "identity", Decoding::decoded},
      {deflated(kText, 15), "deflate", Decoding::decoded},
      {deflated(kText, 15), "", Decoding::decoded},
      {deflated(kText, -15), "deflate", Decoding::decoded},
      {deflated(kText, -15), "Deflate", Decoding::decoded},
      {zstd(kText), "zstd", Decoding::decoded},
      {zstd(kText), "", Decoding::decoded},
      {gzip(gzip(kText)), "gzip, gzip", Decoding::decoded},
      {gzip(zstd(kText)), "", Decoding::decoded},
      {kText, "", Decoding::plain},
      {kText, "gzip", Decoding::plain},
      {kText, "deflate", Decoding::plain},
      {kText, "zstd", Decoding::plain},
  };
  for (const Row& row : rows) {
    std::string body = row.body;
    EXPECT_EQ(decode_content(body, row.named, kMax), row.end) << row.named;
    EXPECT_EQ(body, kText) << row.named;
  }
}

TEST(ContentCoding, WhatIsDamagedGivesWhatCanBeRead) {
  std::string cut = gzip(kText);
  cut.resize(cut.size() - 9);
  EXPECT_EQ(decode_content(cut, "gzip", kMax), Decoding::damaged);
  EXPECT_TRUE(kText.starts_with(cut)) << cut;
  std::string wrong_sum = gzip(kText);
  wrong_sum[wrong_sum.size() - 8] ^= 1;
  EXPECT_EQ(decode_content(wrong_sum, "gzip", kMax), Decoding::damaged);
  EXPECT_EQ(wrong_sum, kText);
}

TEST(ContentCoding, WhatOnlyLooksLikeItStaysAsItIs) {
  for (const char* text :
       {"", "x", "x^2 + y^2", "\x1f\x8b", "\x1f\x8bnot gzip", "\x28\xb5\x2f\xfd", "\x28\xb5\x2f\xfdnot zstd"}) {
    std::string body = text;
    EXPECT_EQ(decode_content(body, "gzip", kMax), Decoding::plain) << text;
    EXPECT_EQ(body, text);
  }
}

TEST(ContentCoding, ABombIsStopped) {
  const std::string zeros(64 * 1024 * 1024, '0');
  for (std::string bomb : {gzip(zeros), deflated(zeros, 15), zstd(zeros), gzip(gzip(zeros))}) {
    EXPECT_EQ(decode_content(bomb, "", kMax), Decoding::too_large);
    EXPECT_EQ(bomb.size(), kMax);
  }
}

TEST(ContentCoding, ThreeLayersAreReadAndNoMore) {
  std::string body = gzip(gzip(gzip(gzip(kText))));
  EXPECT_EQ(decode_content(body, "", kMax), Decoding::decoded);
  EXPECT_EQ(body, gzip(kText));
}

}  // namespace

}  // namespace granary::http
