// SSI Agvance: a session login whose answer is an envelope {Status, Message, ...} (api.agvance.net/Help: Status "0"
// success, "3" success with a note, "1" and "2" errors). How the login itself looks is not public: it is a template. Where
// a probe is configured, the stored session is tried first.
#include <algorithm>

#include "base/encoding.hpp"
#include "provider/answer.hpp"
#include "provider/request_template.hpp"

namespace granary {

namespace {

struct Parameters {
  std::optional<RequestTemplate> login, probe;
  std::vector<std::string> session_id_pointers;
  std::string session_header;
  std::vector<std::string> refused_messages;  // in lower case
};

enum class Envelope { ok, refused, unclear };

class Agvance final : public Flow {
 public:
  Agvance(const Parameters& parameters, const FlowInput& input) : parameters_(parameters), input_(input) {}

  Step start() override {
    if (parameters_.probe && !input_.secrets.value("sessionId").empty()) return probe();
    return log_in();
  }

  Step next(const http::Exchange& answer, WallTime now) override {
    if (auto common = read_common(answer, now)) {
      common->heard = GrantEvent::answered;  // a login spends nothing
      return std::move(*common);
    }
    return is_probing_ ? read_probe(answer) : read_login(answer);
  }

 private:
  http::OutboundRequest fill(const RequestTemplate& request) const {
    return request.fill(input_.base_url, [this](std::string_view name) { return input_.secrets.value(name); });
  }

  Step log_in() {
    is_probing_ = false;
    Send send;
    send.request = fill(*parameters_.login);
    return send;
  }

  Step probe() {
    is_probing_ = true;
    Send send;
    send.request = fill(*parameters_.probe);
    send.request.headers.emplace_back(parameters_.session_header, input_.secrets.value("sessionId"));
    return send;
  }

  Envelope read_envelope(const std::optional<Json>& json) const {
    const auto status = json ? read_text(json->find("Status")) : std::nullopt;
    if (!status) return Envelope::unclear;
    if (*status == "0" || *status == "3") return Envelope::ok;
    if (*status != "1" && *status != "2") return Envelope::unclear;
    const std::string message = to_lower(json->find_string("Message").value_or(""));
    const bool is_known = std::ranges::any_of(parameters_.refused_messages,
                                              [&](const std::string& known) { return message.find(known) != std::string::npos; });
    return is_known ? Envelope::refused : Envelope::unclear;
  }

  Step read_login(const http::Exchange& answer) {
    if (answer.status == 401) return refused();
    const auto json = read_object(answer);
    switch (read_envelope(json)) {
      case Envelope::refused: return refused();
      case Envelope::unclear: return unavailable(Reason::unexpected_answer);
      case Envelope::ok: break;
    }
    for (const std::string& pointer : parameters_.session_id_pointers) {
      const auto session = read_text(json->at_pointer(pointer));
      if (!session) continue;
      Verdict ok;
      ok.answer.kind = AnswerKind::ok;
      ok.grant = input_.secrets.grant.clone();
      ok.grant->given.set("sessionId", Plaintext(*session));
      return ok;
    }
    return unavailable(Reason::unexpected_answer);
  }

  // A session that is no longer accepted says nothing of the login: it logs in again, and that answer counts.
  Step read_probe(const http::Exchange& answer) {
    if (answer.status == 401) return log_in();
    switch (read_envelope(read_object(answer))) {
      case Envelope::ok: {
        Verdict ok;
        ok.answer.kind = AnswerKind::ok;
        ok.answer.proof = Proof::probe;
        return ok;
      }
      case Envelope::refused: return log_in();
      case Envelope::unclear: return unavailable(Reason::unexpected_answer);
    }
    return unavailable(Reason::unexpected_answer);
  }

  const Parameters& parameters_;
  FlowInput input_;
  bool is_probing_ = false;
};

class Plan final : public FlowPlan {
 public:
  explicit Plan(Parameters parameters) : parameters_(std::move(parameters)) {}
  std::unique_ptr<Flow> start(const FlowInput& input) const override { return std::make_unique<Agvance>(parameters_, input); }

 private:
  Parameters parameters_;
};

std::unexpected<Error> bad(const std::string& what) { return fail(ErrorCode::invalid_field, what); }

Result<std::vector<std::string>> parse_strings(const Json& json, std::string_view name) {
  std::vector<std::string> out;
  const Json* list = json.find(name);
  if (!list || !list->array()) return bad(std::string(name) + " must list strings");
  for (const Json& item : *list->array()) {
    if (!item.string()) return bad(std::string(name) + " must list strings");
    out.push_back(*item.string());
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<FlowPlan>> plan_agvance(const Provider& provider) {
  const Json& json = provider.parameters;
  if (auto checked =
          refuse_unknown_members(json, {"login", "session_id_pointers", "session_header", "probe", "refused_messages"});
      !checked)
    return std::unexpected(checked.error());
  std::vector<std::string> known = {"sessionId"};
  for (const auto& field : provider.request) known.push_back(field.name);
  Parameters parameters;
  const Json* login = json.find("login");
  if (!login) return bad("login is missing");
  auto parsed_login = RequestTemplate::parse(*login, known);
  if (!parsed_login) return bad("login: " + parsed_login.error().detail);
  parameters.login = std::move(*parsed_login);
  if (const Json* probe = json.find("probe"); probe && !probe->is_null()) {
    auto parsed_probe = RequestTemplate::parse(*probe, known);
    if (!parsed_probe) return bad("probe: " + parsed_probe.error().detail);
    parameters.probe = std::move(*parsed_probe);
  }
  parameters.session_header = json.find_string("session_header").value_or("");
  if (parameters.session_header.empty()) return bad("session_header is missing");
  auto pointers = parse_strings(json, "session_id_pointers");
  if (!pointers) return std::unexpected(pointers.error());
  parameters.session_id_pointers = std::move(*pointers);
  auto messages = parse_strings(json, "refused_messages");
  if (!messages) return std::unexpected(messages.error());
  for (const auto& message : *messages) parameters.refused_messages.push_back(to_lower(message));
  return std::make_unique<Plan>(std::move(parameters));
}

}  // namespace granary
