// Sentera FieldAgent: a session login (POST /v1/sessions, Sentera's legacy authentication page), then the organization
// of exactly the given name, looked for page by page in GraphQL, which has no filter by name. A stored token is used
// until the provider refuses it.
#include <algorithm>

#include "base/unicode.hpp"
#include "provider/answer.hpp"
#include "provider/request_template.hpp"

namespace granary {

namespace {

struct Parameters {
  RequestTemplate login;
  std::vector<std::int64_t> login_refused_statuses;
  std::string query_path, token_scheme;
  std::int64_t page_size = 100, pages_max = 100;
};

class Sentera final : public Flow {
 public:
  Sentera(const Parameters& parameters, const FlowInput& input)
      : parameters_(parameters), input_(input), token_(input.secrets.value("authToken")) {}
  ~Sentera() override { wipe(token_); }

  Step start() override { return token_.empty() ? log_in() : query(); }

  Step next(const http::Exchange& answer, WallTime now) override {
    if (auto common = read_common(answer, now)) {
      common->heard = GrantEvent::answered;  // a login spends nothing
      return finish(std::move(*common));
    }
    return is_logging_in_ ? read_login(answer) : read_page(answer);
  }

 private:
  Step log_in() {
    is_logging_in_ = true;
    Send send;
    send.request =
        parameters_.login.fill(input_.base_url, [this](std::string_view name) { return input_.secrets.login.value(name); });
    return send;
  }

  Step query() {
    is_logging_in_ = false;
    Json body;
    body.set("query", "query($p:Int!){organizations(pagination:{page:$p,page_size:" + std::to_string(parameters_.page_size) +
                          "}){total_count results{sentera_id name}}}");
    Json variables;
    variables.set("p", page_);
    body.set("variables", std::move(variables));
    Send send;
    send.request.method = "POST";
    send.request.url = input_.base_url.text() + parameters_.query_path;
    send.request.headers = {
        {"Accept", "application/json"},
        {"Content-Type", "application/json"},
        {"Authorization", parameters_.token_scheme.empty() ? token_ : parameters_.token_scheme + " " + token_}};
    send.request.body = body.dump();
    return send;
  }

  Step finish(Verdict verdict) {
    if (has_logged_in_ && !verdict.grant) verdict.grant = input_.secrets.grant.clone();
    if (has_logged_in_) verdict.grant->given.set("authToken", Plaintext(token_));
    return verdict;
  }

  Step read_login(const http::Exchange& answer) {
    if (!is_success(answer)) {
      const bool is_refusal =
          std::ranges::find(parameters_.login_refused_statuses, answer.status) != parameters_.login_refused_statuses.end();
      return finish(is_refusal ? refused() : unavailable(Reason::unexpected_answer));
    }
    const auto json = read_object(answer);
    auto token = json ? read_token(json->find("auth_token")) : std::nullopt;
    if (!token) return finish(unavailable(Reason::unexpected_answer));
    token_ = std::move(*token);
    has_logged_in_ = true;
    page_ = 1;
    seen_ = 0;
    matches_.clear();
    return query();
  }

  // The stored token is refused: that says nothing of the login yet, so it logs in again once.
  Step token_refused(Verdict otherwise) {
    if (has_logged_in_) return finish(std::move(otherwise));
    return log_in();
  }

  Step read_page(const http::Exchange& answer) {
    if (answer.status == 401) return token_refused(refused());
    if (answer.status == 403) return finish(forbidden(Reason::permission_denied));
    if (!is_success(answer)) return finish(unavailable(Reason::unexpected_answer));
    const auto json = read_object(answer);
    if (!json) return finish(unavailable(Reason::unexpected_answer));
    // What stands beside errors is not all that there is.
    const Json* errors = json->find("errors");
    const bool has_errors = errors && !errors->is_null() && !(errors->array() && errors->array()->empty());
    if (has_errors) return token_refused(unavailable(Reason::unexpected_answer));
    const Json* organizations = json->at_pointer("/data/organizations");
    const Json* results = organizations ? organizations->find("results") : nullptr;
    if (!results || !results->array()) return finish(unavailable(Reason::unexpected_answer));
    for (const Json& result : *results->array()) {
      const auto id = read_text(result.find("sentera_id"));
      const auto name = result.find_string("name");
      if (!id || !name) return finish(unavailable(Reason::unexpected_answer));
      // Compared in one form (NFC): a name is typed in one, and kept in another. One that moved from page to page while we read
      // is still one.
      if (to_nfc(*name) == to_nfc(input_.secrets.login.value("organizationName")) &&
          std::ranges::find(matches_, *id) == matches_.end())
        matches_.push_back(*id);
    }
    seen_ += static_cast<std::int64_t>(results->array()->size());
    const Json* total = organizations->find("total_count");
    const bool is_last = results->array()->empty() || (total && total->integer() && seen_ >= *total->integer());
    if (is_last) return conclude();
    if (++page_ > parameters_.pages_max) return finish(unavailable(Reason::unexpected_answer));
    return query();
  }

  Step conclude() {
    if (matches_.size() == 1) {
      Verdict ok;
      ok.answer.kind = AnswerKind::ok;
      ok.answer.proof = has_logged_in_ ? Proof::login : Proof::probe;
      ok.grant = input_.secrets.grant.clone();
      ok.grant->given.set("organizationId", Plaintext(matches_.front()));
      return finish(std::move(ok));
    }
    Verdict verdict = forbidden(matches_.empty() ? Reason::organization_not_found : Reason::organization_ambiguous);
    verdict.withdrawn.emplace_back("organizationId");
    return finish(std::move(verdict));
  }

  const Parameters& parameters_;
  FlowInput input_;
  std::string token_;
  bool is_logging_in_ = false, has_logged_in_ = false;
  std::int64_t page_ = 1, seen_ = 0;
  std::vector<std::string> matches_;
};

class Plan final : public FlowPlan {
 public:
  explicit Plan(Parameters parameters) : parameters_(std::move(parameters)) {}
  std::unique_ptr<Flow> start(const FlowInput& input) const override { return std::make_unique<Sentera>(parameters_, input); }

 private:
  Parameters parameters_;
};

std::unexpected<Error> bad(const std::string& what) { return fail(ErrorCode::invalid_field, what); }

}  // namespace

Result<std::unique_ptr<FlowPlan>> plan_sentera(const Provider& provider) {
  const Json& json = provider.parameters;
  if (auto checked = refuse_unknown_members(
          json, {"login", "login_refused_statuses", "query_path", "token_scheme", "page_size", "pages_max"});
      !checked)
    return std::unexpected(checked.error());
  for (const char* field : {"username", "password", "organizationName"})
    if (!provider.find_request(field)) return bad("the flow needs the request fields username, password and organizationName");
  const Json* login = json.find("login");
  if (!login) return bad("login is missing");
  auto parsed = RequestTemplate::parse(*login, {"username", "password", "organizationName"});
  if (!parsed) return bad("login: " + parsed.error().detail);
  Parameters parameters{.login = std::move(*parsed),
                        .login_refused_statuses = {},
                        .query_path = json.find_string("query_path").value_or("/graphql"),
                        .token_scheme = json.find_string("token_scheme").value_or("Bearer")};
  const Json* statuses = json.find("login_refused_statuses");
  if (!statuses || !statuses->array()) return bad("login_refused_statuses must list numbers");
  for (const Json& status : *statuses->array()) {
    if (!status.integer()) return bad("login_refused_statuses must list numbers");
    parameters.login_refused_statuses.push_back(*status.integer());
  }
  if (const Json* size = json.find("page_size")) parameters.page_size = size->integer().value_or(0);
  if (const Json* pages = json.find("pages_max")) parameters.pages_max = pages->integer().value_or(0);
  if (parameters.page_size < 1 || parameters.page_size > 1000 || parameters.pages_max < 1 || parameters.pages_max > 1000)
    return bad("page_size and pages_max must be between 1 and 1000");
  return std::make_unique<Plan>(std::move(parameters));
}

}  // namespace granary
