// OAuth 2.0 with a refresh token (RFC 6749, section 6): Ag Leader, and most of those to come. Without a probe every check
// is a refresh. A refresh token counts as one-use: it is spent by the request that carries it.
#include <algorithm>
#include <array>

#include "base/encoding.hpp"
#include "provider/answer.hpp"
#include "provider/request_template.hpp"
#include "provider/token_answer.hpp"

namespace granary {

namespace {

enum class ClientAuthentication { basic, basic_form_encoded, body };

// An error that means something, wherever its code stands, or where the pointer says.
struct ErrorRule {
  std::optional<std::int64_t> status;  // nullopt: any of 2xx and 4xx
  std::string pointer;                 // empty: anywhere
  std::string code;                    // empty: no body at all
};

struct Parameters {
  std::string token_path;
  ClientAuthentication client_authentication = ClientAuthentication::basic;
  std::string client_id_field, client_secret_field;
  std::string access_token_field, refresh_token_field;
  std::vector<std::pair<std::string, std::string>> form;
  std::vector<ErrorRule> refused, application_refused;
  std::optional<seconds> token_lifetime;
  std::string refresh_lifetime_pointer;
  std::optional<RequestTemplate> probe;
  bool previous_token_valid = false;
};

class Oauth2Refresh final : public Flow {
 public:
  Oauth2Refresh(const Parameters& parameters, const FlowInput& input)
      : parameters_(parameters), input_(input), grant_(input.secrets.grant.clone()) {}
  ~Oauth2Refresh() override { wipe(sent_token_); }

  Step start() override {
    // After a lost answer the refresh token is tried at once: that the access token works says nothing of it.
    if (parameters_.probe && has_fresh_access_token() && !may_be_spent(input_.grant)) return probe();
    return refresh(std::string(newest_token()));
  }

  Step go_on(Kept kept) override {
    if (!judged_) return probe();
    Verdict judged = std::move(*judged_);
    judged_.reset();
    if (kept == Kept::yes) {
      judged.heard = GrantEvent::answered;  // heard with the Keep
      return finish(std::move(judged));
    }
    grant_ = std::move(before_);
    return conclude(std::move(judged));
  }

  Step next(const http::Exchange& answer, WallTime now) override {
    return is_probing_ ? read_probe(answer, now) : read_tokens(answer, now);
  }

 private:
  // One that the provider has given; what a client posted gives way to that.
  bool has_fresh_access_token() const {
    return !grant_.given.value(parameters_.access_token_field).empty() && (!grant_.refresh_at || *grant_.refresh_at > input_.now);
  }

  // The newest value: what this flow was given in the meantime stands above what was stored.
  std::string_view value(std::string_view name) const {
    const Plaintext* given = grant_.given.find(name);
    return given ? given->reveal() : input_.secrets.login.value(name);
  }

  std::string_view newest_token() const { return value(parameters_.refresh_token_field); }

  Send probe() {
    is_probing_ = true;
    Send send;
    send.request = parameters_.probe->fill(input_.base_url, [this](std::string_view name) { return value(name); });
    return send;
  }

  Send refresh(std::string token) {
    is_probing_ = false;
    has_refreshed_ = true;
    sent_token_ = token;
    std::string body = "grant_type=refresh_token&refresh_token=" + percent_encode(token);
    const std::string_view id = input_.secrets.login.value(parameters_.client_id_field);
    const std::string_view secret = input_.secrets.login.value(parameters_.client_secret_field);
    Send send;
    send.request.method = "POST";
    send.request.url = input_.base_url.text() + parameters_.token_path;
    send.request.headers = {{"Accept", "application/json"}, {"Content-Type", "application/x-www-form-urlencoded"}};
    if (parameters_.client_authentication == ClientAuthentication::basic)
      send.request.headers.emplace_back("Authorization", "Basic " + to_base64(std::string(id) + ":" + std::string(secret)));
    else if (parameters_.client_authentication == ClientAuthentication::basic_form_encoded)  // RFC 6749, section 2.3.1
      send.request.headers.emplace_back("Authorization", "Basic " + to_base64(percent_encode(id) + ":" + percent_encode(secret)));
    else body += "&client_id=" + percent_encode(id) + "&client_secret=" + percent_encode(secret);
    for (const auto& [name, text] : parameters_.form) body += "&" + percent_encode(name) + "=" + percent_encode(text);
    send.request.body = std::move(body);
    send.request.fresh_connection = true;
    send.one_use_token = std::move(token);
    return send;
  }

  static bool matches(const std::vector<ErrorRule>& rules, const http::Exchange& answer, const TokenAnswer& read) {
    return std::ranges::any_of(rules, [&](const ErrorRule& rule) {
      if (rule.status ? answer.status != *rule.status : answer.status / 100 != 2 && answer.status / 100 != 4) return false;
      if (rule.code.empty()) return read.form == TokenAnswer::Form::empty;
      if (rule.pointer.empty()) return names_error(answer, rule.code);
      const auto said = read_text(read.json ? read.json->at_pointer(rule.pointer) : nullptr);
      return said && equal_ignoring_case(*said, rule.code);
    });
  }

  // Once, after an answer to the stored token was lost; a doubtful one came by a second try, and the token before it is not
  // tried. Or where the newest came in an answer that refused.
  bool may_try_previous() const {
    const bool is_allowed = grant_.is_doubtful || (parameters_.previous_token_valid && may_be_spent(input_.grant));
    return is_allowed && grant_.previous_token && !grant_.previous_token->empty() &&
           grant_.previous_token->reveal() != sent_token_;
  }

  Step finish(Verdict verdict) {
    if (has_changed_) verdict.grant = grant_.clone();
    verdict.answer.token_lifetime = lifetime_;
    verdict.answer.grant_ends = grant_ends_;
    if (verdict.answer.kind == AnswerKind::ok) verdict.answer.refresh_at = grant_.refresh_at;
    return verdict;
  }

  // By the status line and what the body says; that it was read has been seen to.
  Verdict judge(const http::Exchange& answer, const TokenAnswer& read, WallTime now) const {
    if (auto common = read_common(answer, now)) return std::move(*common);
    if (read.form == TokenAnswer::Form::page) return unavailable(Reason::unexpected_answer);
    const bool is_good = is_success(answer) && !read.access_token.empty() && !read.says_error && !read.has_odd_refresh_token;
    if (is_good) {
      Verdict ok;
      ok.answer.kind = AnswerKind::ok;
      ok.answer.proof = Proof::refresh;
      return ok;
    }
    if (matches(parameters_.refused, answer, read)) return refused();
    if (matches(parameters_.application_refused, answer, read)) return unavailable(Reason::application_refused);
    Verdict unclear = unavailable(Reason::unexpected_answer);
    // A success, or no text at all, without a token that we can read: there may have been one (decision 0004).
    const bool is_empty = read.form == TokenAnswer::Form::empty;
    const bool may_hold_one = is_success(answer) ? !read.says_error && !is_empty : read.form == TokenAnswer::Form::unreadable;
    unclear.is_unread = may_hold_one && read.refresh_token.empty() && (read.access_token.empty() || read.has_odd_refresh_token);
    if (unclear.is_unread) unclear.heard = GrantEvent::lost;
    return unclear;
  }

  Step read_tokens(const http::Exchange& answer, WallTime now) {
    const TokenAnswer read = read_token_answer(answer, now);
    Verdict judged = judge(answer, read, now);
    const bool is_ok = judged.answer.kind == AnswerKind::ok;
    if (!is_ok && read.refresh_token.empty() && (read.access_token.empty() || !is_success(answer)))
      return conclude(std::move(judged));
    before_ = grant_.clone();
    const GrantEvent heard = take_tokens(read, now);
    if (is_ok && !parameters_.probe) {
      judged.heard = heard;
      return finish(std::move(judged));
    }
    // What a success gives is ours whatever else it says; what stands in any other answer may be what we sent ourselves.
    const bool is_given = is_success(answer) && !answer.failure && !read.says_error;
    if (!is_ok && heard != GrantEvent::rotated && !is_given) {
      grant_ = std::move(before_);
      has_changed_ = false;
      return conclude(std::move(judged));
    }
    grant_.is_doubtful = !is_given;
    if (!is_ok && is_given) {
      if (!judged.is_unread) judged.heard = heard;
      return finish(std::move(judged));
    }
    has_changed_ = false;  // it is kept
    if (!is_ok) judged_ = std::move(judged);
    return Keep{.heard = heard, .grant = grant_.clone(), .is_doubtful = !is_ok};
  }

  // Refused: where the token before may still work, that is sent.
  Step conclude(Verdict judged) {
    const bool is_refused = judged.answer.kind == AnswerKind::refused;
    if (is_refused && may_try_previous()) {
      Send send = refresh(std::string(grant_.previous_token->reveal()));
      send.heard = GrantEvent::refused;
      return send;
    }
    // Both are refused: it is the stored one that is confirmed.
    if (is_refused && grant_.is_doubtful) {
      grant_.is_doubtful = false;
      has_changed_ = true;
    }
    return finish(std::move(judged));
  }

  // An answer without a refresh token keeps the one that was sent.
  GrantEvent take_tokens(const TokenAnswer& read, WallTime now) {
    const bool is_rotated = !read.refresh_token.empty() && read.refresh_token != sent_token_;
    // Where the one before was sent, that is the one that works.
    const std::string& newest = is_rotated ? read.refresh_token : sent_token_;
    if (is_rotated) grant_.previous_token = Plaintext(sent_token_);
    if (newest_token() != newest) grant_.given.set(parameters_.refresh_token_field, Plaintext(newest));
    grant_.is_doubtful = false;
    has_changed_ = true;
    if (!read.access_token.empty()) take_access_token(read, now);
    return is_rotated ? GrantEvent::rotated : GrantEvent::accepted;
  }

  void take_access_token(const TokenAnswer& read, WallTime now) {
    lifetime_ = read.lifetime ? read.lifetime : parameters_.token_lifetime;
    grant_.given.set(parameters_.access_token_field, Plaintext(read.access_token));
    grant_.refresh_at = lifetime_ ? std::optional(refresh_time(now, *lifetime_, input_.refresh)) : std::nullopt;
    auto refresh_lifetime = read.refresh_lifetime;
    if (!parameters_.refresh_lifetime_pointer.empty() && read.json)
      refresh_lifetime = read_lifetime(read.json->at_pointer(parameters_.refresh_lifetime_pointer));
    if (!refresh_lifetime) return;
    grant_ends_ = now + *refresh_lifetime;
    // The refresh token must be used before it ends, too.
    const WallTime latest = refresh_time(now, *refresh_lifetime, {.is_first = false, .share = 0, .floor = input_.refresh.floor});
    grant_.refresh_at = std::min(grant_.refresh_at.value_or(latest), latest);
  }

  Step read_probe(const http::Exchange& answer, WallTime now) {
    if (auto common = read_common(answer, now)) {
      common->heard = GrantEvent::answered;  // nothing was spent
      return finish(std::move(*common));
    }
    if (is_success(answer)) {
      Verdict ok;
      ok.answer.kind = AnswerKind::ok;
      ok.answer.proof = Proof::probe;
      return finish(std::move(ok));
    }
    if (answer.status == 401 && !has_refreshed_) return refresh(std::string(newest_token()));
    if (answer.status == 401) {
      Verdict denied = refused();
      denied.heard = GrantEvent::answered;  // the access token was
      return finish(std::move(denied));
    }
    if (answer.status == 403) return finish(forbidden(Reason::permission_denied));
    return finish(unavailable(Reason::unexpected_answer));
  }

  const Parameters& parameters_;
  FlowInput input_;
  Grant grant_;
  bool is_probing_ = false, has_refreshed_ = false, has_changed_ = false;
  std::string sent_token_;
  std::optional<seconds> lifetime_;
  std::optional<WallTime> grant_ends_;
  // Of an answer that failed or refused and held a token: what it comes to, once that is kept or is not, and what was held
  // before.
  std::optional<Verdict> judged_;
  Grant before_;
};

class Plan final : public FlowPlan {
 public:
  explicit Plan(Parameters parameters) : parameters_(std::move(parameters)) {}
  std::unique_ptr<Flow> start(const FlowInput& input) const override {
    return std::make_unique<Oauth2Refresh>(parameters_, input);
  }
  std::string_view one_use_field() const override { return parameters_.refresh_token_field; }
  bool gives(std::string_view field) const override {
    return field == parameters_.refresh_token_field || field == parameters_.access_token_field;
  }

 private:
  Parameters parameters_;
};

std::unexpected<Error> bad(const std::string& what) { return fail(ErrorCode::invalid_field, what); }

Result<std::vector<ErrorRule>> parse_rules(const Json& parameters, const std::string& name, std::string_view fallback) {
  const std::optional<Json> usual = Json::parse(fallback);
  const Json* json = parameters.find(name);
  if (!json) json = &*usual;
  if (!json->array()) return bad(name + " must list objects such as {\"status\": 400, \"value\": \"invalid_grant\"}");
  std::vector<ErrorRule> out;
  for (const Json& item : *json->array()) {
    if (!item.object()) return bad(name + " must list objects such as {\"status\": 400, \"value\": \"invalid_grant\"}");
    for (const auto& [key, value] : *item.object())
      if (key != "status" && key != "pointer" && key != "value" && key != "error")
        return bad(name + " has an unknown member " + key);
    const auto code = item.find_string(item.find("value") ? "value" : "error");
    if (!code) return bad(name + ": value must be a string: the code of the error, empty for an answer without a body");
    ErrorRule rule{.status = {}, .pointer = item.find_string("pointer").value_or(""), .code = *code};
    if (const Json* status = item.find("status")) {
      rule.status = status->integer();
      // 408, 429 and 5xx are judged before, whatever they say.
      const bool may_come =
          rule.status && ((*rule.status >= 200 && *rule.status < 300) ||
                          (*rule.status >= 400 && *rule.status < 500 && *rule.status != 408 && *rule.status != 429));
      if (!may_come)
        return bad(name + ": status must be 200 to 299, or 400 to 499 without 408 and 429: others are never a refusal");
    }
    if (item.find("pointer") && !rule.pointer.starts_with('/'))
      return bad(name + ": pointer must begin with a slash, as in /error/code");
    if (rule.code.empty() && (!rule.pointer.empty() || !rule.status || *rule.status < 300))
      return bad(name + ": without a value the answer has no body, so there must be a status of 400 to 499, and no pointer");
    out.push_back(std::move(rule));
  }
  return out;
}

constexpr std::string_view kUsualRefused = R"([{"value": "invalid_grant"}, {"status": 401, "value": ""}])";
constexpr std::string_view kUsualApplicationRefused = R"([{"value": "invalid_client"}, {"value": "unauthorized_client"}])";

Result<void> parse_lifetimes(const Json& json, Parameters& parameters) {
  if (const Json* lifetime = json.find("token_lifetime")) {
    const auto duration = lifetime->string() ? parse_duration(*lifetime->string()) : std::nullopt;
    if (!duration || *duration < seconds(10)) return bad("token_lifetime must be a duration of at least 10s");
    parameters.token_lifetime = std::chrono::duration_cast<seconds>(*duration);
  }
  parameters.refresh_lifetime_pointer = json.find_string("refresh_lifetime_pointer").value_or("");
  if (json.find("refresh_lifetime_pointer") && !parameters.refresh_lifetime_pointer.starts_with('/'))
    return bad("refresh_lifetime_pointer must begin with a slash");
  return {};
}

}  // namespace

Result<std::unique_ptr<FlowPlan>> plan_oauth2_refresh(const Provider& provider) {
  const Json& json = provider.parameters;
  if (auto checked =
          refuse_unknown_members(json, {"token_path", "client_authentication", "client_id_field", "client_secret_field",
                                        "access_token_field", "refresh_token_field", "form", "refused", "application_refused",
                                        "probe", "previous_token_valid", "token_lifetime", "refresh_lifetime_pointer"});
      !checked)
    return std::unexpected(checked.error());
  Parameters parameters;
  parameters.token_path = json.find_string("token_path").value_or("");
  if (!parameters.token_path.starts_with('/')) return bad("token_path must begin with a slash");
  const std::string authentication = json.find_string("client_authentication").value_or("basic");
  constexpr std::array<std::pair<std::string_view, ClientAuthentication>, 3> kAuthentications = {
      {{"basic", ClientAuthentication::basic},
       {"basic_form_encoded", ClientAuthentication::basic_form_encoded},
       {"body", ClientAuthentication::body}}};
  const auto known_authentication =
      std::ranges::find(kAuthentications, authentication, [](const auto& entry) { return entry.first; });
  if (known_authentication == kAuthentications.end())
    return bad("client_authentication must be basic, basic_form_encoded or body");
  parameters.client_authentication = known_authentication->second;
  parameters.client_id_field = json.find_string("client_id_field").value_or("");
  parameters.client_secret_field = json.find_string("client_secret_field").value_or("");
  parameters.access_token_field = provider.access_token_field();
  parameters.refresh_token_field = provider.refresh_token_field();
  for (const auto& field : {parameters.client_id_field, parameters.client_secret_field, parameters.refresh_token_field})
    if (!provider.find_request(field))
      return bad("client_id_field, client_secret_field and refresh_token_field must name request fields");
  if (const Json* form = json.find("form")) {
    if (!form->object()) return bad("form must be an object of strings");
    for (const auto& [name, value] : *form->object()) {
      if (!value.string()) return bad("form must be an object of strings");
      parameters.form.emplace_back(name, *value.string());
    }
  }
  auto refused = parse_rules(json, "refused", kUsualRefused);
  if (!refused) return std::unexpected(refused.error());
  if (refused->empty()) return bad("refused must not be empty: no login of this provider could ever be refused");
  parameters.refused = std::move(*refused);
  auto application_refused = parse_rules(json, "application_refused", kUsualApplicationRefused);
  if (!application_refused) return std::unexpected(application_refused.error());
  parameters.application_refused = std::move(*application_refused);
  if (auto lifetimes = parse_lifetimes(json, parameters); !lifetimes) return std::unexpected(lifetimes.error());
  if (const Json* probe = json.find("probe"); probe && !probe->is_null()) {
    std::vector<std::string> known = provider.response;
    for (const auto& field : provider.request) known.push_back(field.name);
    auto parsed = RequestTemplate::parse(*probe, known);
    if (!parsed) return bad("probe: " + parsed.error().detail);
    parameters.probe = std::move(*parsed);
  }
  if (const Json* previous = json.find("previous_token_valid"))
    parameters.previous_token_valid = previous->boolean().value_or(false);
  return std::make_unique<Plan>(std::move(parameters));
}

}  // namespace granary
