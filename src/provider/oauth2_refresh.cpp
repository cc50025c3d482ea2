// OAuth 2.0 with a refresh token (RFC 6749, section 6): Ag Leader, and most of those to come. Without a probe every check
// is a refresh. A refresh token counts as one-use: it is spent by the request that carries it.
#include <algorithm>
#include <charconv>

#include "base/encoding.hpp"
#include "provider/answer.hpp"
#include "provider/request_template.hpp"

namespace granary {

namespace {

enum class ClientAuthentication { basic, body };

struct RefusedAnswer {
  std::int64_t status;
  std::string error;  // empty: no body at all
};

struct Parameters {
  std::string token_path;
  ClientAuthentication client_authentication = ClientAuthentication::basic;
  std::string client_id_field, client_secret_field;
  std::string access_token_field, refresh_token_field;
  std::vector<std::pair<std::string, std::string>> form;
  std::vector<RefusedAnswer> refused;
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

  Step go_on() override { return probe(); }

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
    else body += "&client_id=" + percent_encode(id) + "&client_secret=" + percent_encode(secret);
    for (const auto& [name, text] : parameters_.form) body += "&" + percent_encode(name) + "=" + percent_encode(text);
    send.request.body = std::move(body);
    send.request.fresh_connection = true;
    send.one_use_token = std::move(token);
    return send;
  }

  bool is_refusal(const http::Exchange& answer) const {
    std::string error;
    if (!trim(answer.body).empty()) {
      const auto json = read_object(answer);
      error = json ? json->find_string("error").value_or("") : "";
      if (error.empty()) return false;  // a body that says nothing of OAuth
    }
    return std::ranges::any_of(parameters_.refused,
                               [&](const RefusedAnswer& known) { return known.status == answer.status && known.error == error; });
  }

  // Once, after an answer to the stored token was lost. A doubtful one came by a second try: the token before it is not tried.
  bool may_try_previous() const {
    return parameters_.previous_token_valid && may_be_spent(input_.grant) && grant_.previous_token &&
           !grant_.previous_token->empty() && grant_.previous_token->reveal() != sent_token_;
  }

  Step finish(Verdict verdict) {
    if (has_changed_) verdict.grant = grant_.clone();
    verdict.answer.token_lifetime = lifetime_;
    return verdict;
  }

  Step read_tokens(const http::Exchange& answer, WallTime now) {
    if (auto common = read_common(answer, now)) return finish(std::move(*common));
    if (!is_success(answer)) {
      if (!is_refusal(answer)) return finish(unavailable(Reason::unexpected_answer));
      if (!may_try_previous()) return finish(refused());
      Send send = refresh(std::string(grant_.previous_token->reveal()));
      send.heard = GrantEvent::refused;
      return send;
    }
    const auto json = read_object(answer);
    const Json* given = json ? json->find("refresh_token") : nullptr;
    const bool is_given = given && !given->is_null() && !(given->string() && given->string()->empty());
    const auto refresh_token = is_given ? read_token(given) : std::nullopt;
    if (!json || (is_given && !refresh_token)) {
      // There may have been a token in it that is lost to us: anything but nothing, or a page (decision 0004).
      const std::string_view body = trim(answer.body);
      Verdict unread = unavailable(Reason::unexpected_answer);
      if (!body.empty() && !body.starts_with('<')) unread.heard = GrantEvent::lost;
      return finish(std::move(unread));
    }
    const auto access_token = read_token(json->find("access_token"));
    if (!access_token && !refresh_token) return finish(unavailable(Reason::unexpected_answer));
    const GrantEvent heard = take_refresh_token(refresh_token);
    if (!access_token) {
      Verdict without = unavailable(Reason::unexpected_answer);
      without.heard = heard;
      return finish(std::move(without));
    }
    take_access_token(*access_token, read_lifetime(json->find("expires_in")), now);
    if (parameters_.probe) {
      has_changed_ = false;  // it is kept
      return Keep{.heard = heard, .grant = grant_.clone()};
    }
    Verdict ok;
    ok.heard = heard;
    ok.answer.kind = AnswerKind::ok;
    ok.answer.proof = Proof::refresh;
    return finish(std::move(ok));
  }

  GrantEvent take_refresh_token(const std::optional<std::string>& given) {
    const bool is_rotated = given && *given != sent_token_;
    // Where the one before was sent, that is the one that works.
    const std::string& newest = is_rotated ? *given : sent_token_;
    if (is_rotated) grant_.previous_token = Plaintext(sent_token_);
    if (newest_token() != newest) grant_.given.set(parameters_.refresh_token_field, Plaintext(newest));
    has_changed_ = true;
    return is_rotated ? GrantEvent::rotated : GrantEvent::accepted;
  }

  void take_access_token(const std::string& token, std::optional<seconds> lifetime, WallTime now) {
    lifetime_ = lifetime;
    grant_.given.set(parameters_.access_token_field, Plaintext(token));
    grant_.refresh_at = lifetime ? std::optional(refresh_time(now, *lifetime)) : std::nullopt;
  }

  // A number, or one in a string, as some servers write it.
  static std::optional<seconds> read_lifetime(const Json* value) {
    const auto text = read_text(value);
    std::int64_t count = 0;
    if (!text || std::from_chars(text->data(), text->data() + text->size(), count).ec != std::errc()) return std::nullopt;
    constexpr std::int64_t kLongest = 10LL * 365 * 86'400;
    return count > 0 && count < kLongest ? std::optional(seconds(count)) : std::nullopt;
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
      if (!has_refreshed_) ok.answer.refresh_at = grant_.refresh_at;
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

Result<std::vector<RefusedAnswer>> parse_refused(const Json* json) {
  std::vector<RefusedAnswer> out;
  if (!json || !json->array()) return bad("refused must list {status, error}");
  for (const Json& item : *json->array()) {
    const Json* status = item.find("status");
    const auto error = item.find_string("error");
    if (!status || !status->integer() || !error) return bad("refused must list {status, error}");
    out.push_back({*status->integer(), *error});
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<FlowPlan>> plan_oauth2_refresh(const Provider& provider) {
  const Json& json = provider.parameters;
  if (auto checked = refuse_unknown_members(
          json, {"token_path", "client_authentication", "client_id_field", "client_secret_field", "access_token_field",
                 "refresh_token_field", "form", "refused", "probe", "previous_token_valid"});
      !checked)
    return std::unexpected(checked.error());
  Parameters parameters;
  parameters.token_path = json.find_string("token_path").value_or("");
  if (!parameters.token_path.starts_with('/')) return bad("token_path must begin with a slash");
  const std::string authentication = json.find_string("client_authentication").value_or("basic");
  if (authentication != "basic" && authentication != "body") return bad("client_authentication must be basic or body");
  parameters.client_authentication = authentication == "basic" ? ClientAuthentication::basic : ClientAuthentication::body;
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
  auto refused_answers = parse_refused(json.find("refused"));
  if (!refused_answers) return std::unexpected(refused_answers.error());
  parameters.refused = std::move(*refused_answers);
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
