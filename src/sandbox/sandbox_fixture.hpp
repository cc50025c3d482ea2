// What the sandbox's tests share: a sandbox over the built-in descriptors, with a clock and randomness of their own.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/embedded.hpp"
#include "base/encoding.hpp"
#include "crypto/primitives.hpp"
#include "sandbox/sandbox.hpp"

namespace granary::sandbox {

class TestClock final : public Clock {
 public:
  std::int64_t boot() override { return 1; }
  WallTime now() override { return now_; }
  SteadyTime elapsed() override { return SteadyTime(now_.time_since_epoch()); }
  Task<> sleep_until(SteadyTime) override { co_return; }
  void advance(seconds by) { now_ += by; }

 private:
  WallTime now_ = WallTime(std::chrono::days(20'000));
};

// Counts up: different bytes each time, the same in each run.
class TestRandom final : public Random {
 public:
  void fill(void* data, std::size_t size) override {
    const auto digest = crypto::sha256(std::to_string(++calls_));
    for (std::size_t i = 0; i < size; ++i) static_cast<std::uint8_t*>(data)[i] = digest[i % digest.size()];
  }

 private:
  std::uint64_t calls_ = 0;
};

struct TestRequest {
  std::string method = "GET";
  std::string path = {};
  std::string body = {};
  std::string content_type = {};
  std::string authorization = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string query = {};
};

inline TestRequest get(std::string path) { return {.path = std::move(path)}; }
inline TestRequest send_json(std::string method, std::string path, const Json& body, std::string authorization = {}) {
  return {.method = std::move(method),
          .path = std::move(path),
          .body = body.dump(),
          .content_type = "application/json",
          .authorization = std::move(authorization)};
}

// JSON with ' for ", so that it can be read.
inline Json json(std::string text) {
  std::ranges::replace(text, '\'', '"');
  auto parsed = Json::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(Json());
}

inline Catalog built_in_catalog() {
  Catalog catalog;
  for (const auto& file : embedded::kProviders) {
    auto provider = parse_descriptor(*Json::parse(file.text));
    EXPECT_TRUE(provider && catalog.add(std::move(*provider))) << file.name;
  }
  return catalog;
}

class SandboxTest : public testing::Test {
 protected:
  explicit SandboxTest(Catalog catalog = built_in_catalog()) : catalog_(std::move(catalog)) {}

  http::Response call(const TestRequest& test) {
    http::Request request;
    request.method = test.method;
    request.path = test.path;
    request.query = test.query;
    request.authorization = test.authorization;
    request.content_type = test.content_type;
    request.body = test.body;
    request.other_headers = test.headers;
    return sandbox_.answer(request);
  }

  Json body_of(const TestRequest& test) { return Json::parse(call(test).body).value_or(Json()); }

  // Creates an account; the answer of the control interface.
  Json create(const std::string& settings) {
    const auto response = call(send_json("POST", "/sandbox/accounts", json(settings)));
    EXPECT_EQ(response.status, 201) << response.body;
    return Json::parse(response.body).value_or(Json());
  }

  Json show(const Json& account) { return body_of(get("/sandbox/accounts/" + text(account, "/id"))); }

  int act(const Json& account, const std::string& what) {
    return call({.method = "POST", .path = "/sandbox/accounts/" + text(account, "/id") + "/" + what}).status;
  }

  int put_fault(const std::string& fault) { return call(send_json("PUT", "/sandbox/faults", json(fault))).status; }

  static std::string text(const Json& value, std::string_view pointer) {
    const Json* found = value.at_pointer(pointer);
    return found && found->string() ? *found->string() : "";
  }

  TestClock clock_;
  TestRandom random_;
  Catalog catalog_;
  Sandbox sandbox_{catalog_, clock_, random_};
};

}  // namespace granary::sandbox
