// What the tests of the flows share: a built-in provider with other parameters, fields, and answers fed by hand.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "base/embedded.hpp"
#include "base/encoding.hpp"
#include "provider/flow.hpp"

namespace granary {

// JSON with ' for ", so that it can be read.
inline Json json(std::string text) {
  std::ranges::replace(text, '\'', '"');
  auto parsed = Json::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(Json());
}

inline http::Exchange answer(int status, std::string body = {}, std::vector<std::pair<std::string, std::string>> headers = {}) {
  std::ranges::replace(body, '\'', '"');
  return {.status = status, .headers = std::move(headers), .body = std::move(body), .failure = {}, .was_sent = true};
}

inline http::Exchange no_answer(http::ExchangeFailure failure, bool was_sent = false, int status = 0) {
  return {.status = status, .headers = {}, .body = {}, .failure = failure, .was_sent = was_sent};
}

// "refused refused", "unavailable timeout", "ok": what a verdict says, in a line.
inline std::string line_of(const Answer& answer) {
  return std::string(name_of(answer.kind)) + (answer.kind == AnswerKind::ok ? "" : " " + std::string(name_of(answer.reason)));
}

class FlowTest : public testing::Test {
 protected:
  explicit FlowTest(std::string_view slug) {
    for (const auto& file : embedded::kProviders) {
      auto parsed = parse_descriptor(*Json::parse(file.text));
      if (parsed && parsed->slug == slug) provider_ = std::move(*parsed);
    }
    EXPECT_EQ(provider_.slug, slug);
  }

  void set_parameter(std::string_view name, const std::string& value) { provider_.parameters.set(name, json(value)); }
  // What the client gave, and what the provider did.
  void set_field(std::string_view name, std::string value) { secrets_.login.set(name, Plaintext(std::move(value))); }
  void set_given(std::string_view name, std::string value) { secrets_.grant.given.set(name, Plaintext(std::move(value))); }

  // Begins a check; the flow's first step.
  const Step& begin(GrantState grant = GrantState::held) {
    auto plan = plan_flow(provider_);
    EXPECT_TRUE(plan) << (plan ? "" : plan.error().detail);
    plan_ = std::move(*plan);
    flow_ = plan_->start({.base_url = base_url_, .secrets = secrets_, .grant = grant, .now = now_, .refresh = {}});
    given_.reset();
    heard_.clear();
    take(flow_->start());
    return step_;
  }
  const Step& feed(const http::Exchange& given) {
    EXPECT_TRUE(std::holds_alternative<Send>(step_)) << "the flow has ended already";
    take(flow_->next(given, now_));
    return step_;
  }
  // The whole of a check: every answer is asked for, and the last one ends it.
  const Verdict& run(const std::vector<http::Exchange>& answers, GrantState grant = GrantState::held) {
    begin(grant);
    for (const auto& given : answers) feed(given);
    return verdict();
  }

  const http::OutboundRequest& request() {
    EXPECT_TRUE(std::holds_alternative<Send>(step_));
    return std::get<Send>(step_).request;
  }
  const Verdict& verdict() {
    static const Verdict kNone;
    EXPECT_TRUE(std::holds_alternative<Verdict>(step_)) << "the flow waits for another answer";
    return std::holds_alternative<Verdict>(step_) ? std::get<Verdict>(step_) : kNone;
  }
  std::string header(std::string_view name) {
    for (const auto& [known, value] : request().headers)
      if (equal_ignoring_case(known, name)) return value;
    return {};
  }
  // What the provider gave in all, or what it had given by a Keep, under its name; "(kept)" where that is what was stored.
  std::string update(std::string_view name) { return changed(verdict().grant ? &*verdict().grant : kept(), name); }
  std::string given(std::string_view name) { return changed(kept(), name); }
  // What the flow has heard of the token that was sent last.
  std::string heard() { return heard_.empty() ? "" : std::string(granary::name_of(heard_.back())); }
  std::string refusal_of_plan() {
    const auto plan = plan_flow(provider_);
    return plan ? "" : plan.error().detail;
  }

  // A step; what it asks to be kept is kept, and it goes on.
  void take(Step step) {
    while (true) {
      heard_.push_back(std::visit([](const auto& one) { return one.heard; }, step));
      auto* keep = std::get_if<Keep>(&step);
      if (!keep) break;
      given_ = std::move(keep->grant);
      step = flow_->go_on(keep->is_doubtful ? kept_ : Kept::yes);
    }
    step_ = std::move(step);
  }
  const Grant* kept() const { return given_ ? &*given_ : nullptr; }
  std::string changed(const Grant* grant, std::string_view name) const {
    const Plaintext* value = grant ? grant->given.find(name) : nullptr;
    const Plaintext* stored = secrets_.find(name);
    if (!value || (stored && stored->reveal() == value->reveal())) return "(kept)";
    return std::string(value->reveal());
  }

  Provider provider_;
  std::optional<Grant> given_;     // before the verdict
  Kept kept_ = Kept::yes;          // what becomes of a doubtful one
  std::vector<GrantEvent> heard_;  // with each step
  Url base_url_ = *Url::parse("https://provider.example/base");
  Secrets secrets_;
  WallTime now_ = *parse_wire_time("2026-01-15T12:00:00Z");
  std::unique_ptr<FlowPlan> plan_;
  std::unique_ptr<Flow> flow_;
  Step step_;
};

// What no flow may take for a refusal: no answer, a cut one, overload, faults, redirects, HTML.
struct OtherAnswer {
  const char* what;
  http::Exchange exchange;
  Reason reason;
};

inline std::vector<OtherAnswer> answers_that_say_nothing() {
  using enum http::ExchangeFailure;
  return {
      {"DNS", no_answer(unresolved), Reason::unreachable},
      {"refused connection", no_answer(unreachable), Reason::unreachable},
      {"reset after sending", no_answer(unreachable, true), Reason::unreachable},
      {"TLS", no_answer(tls), Reason::unreachable},
      {"egress guard", no_answer(blocked), Reason::egress_refused},
      {"timeout", no_answer(timeout), Reason::timeout},
      {"timeout after sending", no_answer(timeout, true), Reason::timeout},
      {"cut", no_answer(cut, true, 200), Reason::unexpected_answer},
      {"a cut 401", no_answer(cut, true, 401), Reason::unexpected_answer},
      {"too large", no_answer(too_large, true, 200), Reason::unexpected_answer},
      {"a 401 that is too large", no_answer(too_large, true, 401), Reason::unexpected_answer},
      {"408", answer(408, "{'error':'invalid_grant'}"), Reason::timeout},
      {"429", answer(429, "{'error':'invalid_grant'}"), Reason::rate_limited},
      {"500", answer(500, "{'error':'invalid_grant'}"), Reason::provider_error},
      {"501", answer(501), Reason::provider_error},
      {"502", answer(502, "<html>Bad Gateway</html>"), Reason::provider_error},
      {"503", answer(503), Reason::provider_error},
      {"504", answer(504), Reason::provider_error},
      {"599", answer(599), Reason::provider_error},
      {"301", answer(301, "", {{"Location", "https://other.example/"}}), Reason::unexpected_answer},
      {"302", answer(302, "{'access_token':'x'}", {{"Location", "/login"}}), Reason::unexpected_answer},
      {"304", answer(304), Reason::unexpected_answer},
      {"307", answer(307), Reason::unexpected_answer},
      {"100", answer(100), Reason::unexpected_answer},
      {"400 HTML", answer(400, "<html>invalid_grant</html>"), Reason::unexpected_answer},
      {"400 empty", answer(400), Reason::unexpected_answer},
      {"404", answer(404, "{'error':'not_found'}"), Reason::unexpected_answer},
      {"405", answer(405), Reason::unexpected_answer},
      {"410", answer(410), Reason::unexpected_answer},
      {"418", answer(418), Reason::unexpected_answer},
      {"451", answer(451, "<html>"), Reason::unexpected_answer},
      {"200 empty", answer(200), Reason::unexpected_answer},
      {"200 HTML", answer(200, "<html>Log in</html>"), Reason::unexpected_answer},
      {"200 text", answer(200, "'access_token'"), Reason::unexpected_answer},
      {"200 cut JSON", answer(200, "{'access':'x'"), Reason::unexpected_answer},
      {"401 HTML", answer(401, "<!DOCTYPE html><title>Sign in</title>"), Reason::unexpected_answer},
      {"403 of a bot challenge", answer(403, "Just a moment...", {{"Content-Type", "text/html; charset=UTF-8"}}),
       Reason::unexpected_answer},
      {"403 Retry-After", answer(403, "{}", {{"Retry-After", "30"}}), Reason::rate_limited},
      {"401 no requests remain", answer(401, "{}", {{"X-RateLimit-Remaining", "0"}}), Reason::rate_limited},
      {"403 no requests remain", answer(403, "{}", {{"RateLimit", "limit=100, remaining=0, reset=5"}}), Reason::rate_limited},
      {"403 in words", answer(403, "{'message':'API rate limit exceeded'}"), Reason::rate_limited},
      {"204", answer(204), Reason::unexpected_answer},
  };
}

}  // namespace granary
