// Valley: values encrypted with AES-CBC and PKCS#7 under the credential's own key and initialization vector, sent with
// apid. Nothing of the wire is public: route, names, what is encrypted and how it is written are all parameters, assumed
// until an operator has the specification. Key, vector and password never leave in clear.
#include <algorithm>
#include <array>

#include "base/encoding.hpp"
#include "crypto/primitives.hpp"
#include "provider/answer.hpp"
#include "provider/request_template.hpp"

namespace granary {

namespace {

enum class Encoding { automatic, hex, base64, plain };

struct Parameters {
  std::optional<RequestTemplate> login;
  std::vector<std::pair<std::string, std::string>> encrypt;  // placeholder, template of what it encrypts
  Encoding key = Encoding::automatic, initialization_vector = Encoding::automatic;
  Encoding ciphertext = Encoding::base64;
};

std::optional<std::string> decode(std::string_view text, Encoding encoding) {
  if (encoding == Encoding::hex) return from_hex(text);
  if (encoding == Encoding::base64) return from_base64(text);
  return std::string(text);
}

// The first reading that gives a legal length; by default hex, then base64, then the text itself.
std::optional<Plaintext> read_key(std::string_view text, Encoding encoding, std::initializer_list<std::size_t> legal) {
  for (const Encoding reading : {Encoding::hex, Encoding::base64, Encoding::plain}) {
    if (encoding != Encoding::automatic && encoding != reading) continue;
    auto bytes = decode(text, reading);
    if (bytes && std::ranges::find(legal, bytes->size()) != legal.end()) return Plaintext(std::move(*bytes));
  }
  return std::nullopt;
}

class EncryptedLogin final : public Flow {
 public:
  EncryptedLogin(const Parameters& parameters, const FlowInput& input) : parameters_(parameters), input_(input) {}

  Step start() override {
    const auto key = read_key(input_.secrets.login.value("key"), parameters_.key, {16, 24, 32});
    const auto vector = read_key(input_.secrets.login.value("initializationVector"), parameters_.initialization_vector, {16});
    if (!key || !vector) return unavailable(Reason::unusable_key);
    for (const auto& [name, text] : parameters_.encrypt) {
      Plaintext plain(fill_placeholders(
          text, [this](std::string_view field) { return input_.secrets.login.value(field); },
          [](std::string_view value) { return std::string(value); }));
      const std::string cipher = crypto::encrypt_cbc(key->reveal(), vector->reveal(), plain.reveal());
      encrypted_.set(name, Plaintext(parameters_.ciphertext == Encoding::hex ? to_hex(cipher) : to_base64(cipher)));
    }
    Send send;
    send.request = parameters_.login->fill(input_.base_url, [this](std::string_view name) {
      const std::string_view encrypted = encrypted_.value(name);
      return encrypted.empty() ? input_.secrets.login.value(name) : encrypted;
    });
    return send;
  }

  Step next(const http::Exchange& answer, WallTime now) override {
    if (auto common = read_common(answer, now)) {
      common->heard = GrantEvent::answered;  // a login spends nothing
      return finish(std::move(*common));
    }
    if (answer.status == 401) return finish(refused());
    if (answer.status == 403) return finish(forbidden(Reason::permission_denied));
    const auto json = read_whole_object(answer);
    if (!is_success(answer) || !json || json->find("error")) return finish(unavailable(Reason::unexpected_answer));
    Verdict ok;
    ok.answer.kind = AnswerKind::ok;
    return finish(std::move(ok));
  }

 private:
  Step finish(Verdict verdict) {
    for (const auto& [name, value] : encrypted_.all()) verdict.derived_secrets.push_back(value.clone());
    return verdict;
  }

  const Parameters& parameters_;
  FlowInput input_;
  Fields encrypted_;
};

class Plan final : public FlowPlan {
 public:
  explicit Plan(Parameters parameters) : parameters_(std::move(parameters)) {}
  std::unique_ptr<Flow> start(const FlowInput& input) const override {
    return std::make_unique<EncryptedLogin>(parameters_, input);
  }

 private:
  Parameters parameters_;
};

std::unexpected<Error> bad(const std::string& what) { return fail(ErrorCode::invalid_field, what); }

constexpr std::array<std::pair<std::string_view, Encoding>, 4> kEncodings = {
    {{"auto", Encoding::automatic}, {"hex", Encoding::hex}, {"base64", Encoding::base64}, {"plain", Encoding::plain}}};

Result<Encoding> parse_encoding(const Json& json, std::string_view name, std::string_view fallback) {
  const std::string text = json.find_string(name).value_or(std::string(fallback));
  for (const auto& [known, encoding] : kEncodings)
    if (known == text) return encoding;
  return bad(std::string(name) + " must be auto, hex, base64 or plain");
}

}  // namespace

Result<std::unique_ptr<FlowPlan>> plan_encrypted_login(const Provider& provider) {
  const Json& json = provider.parameters;
  if (auto checked = refuse_unknown_members(
          json, {"login", "encrypt", "key_encoding", "initialization_vector_encoding", "ciphertext_encoding"});
      !checked)
    return std::unexpected(checked.error());
  // Only what may be seen on the wire can stand in the request; secrets go through `encrypt`.
  std::vector<std::string> visible, encryptable;
  for (const auto& field : provider.request) {
    encryptable.push_back(field.name);
    if (!field.secret) visible.push_back(field.name);
  }
  Parameters parameters;
  const Json* encrypt = json.find("encrypt");
  if (!encrypt || !encrypt->object()) return bad("encrypt must be an object of strings");
  for (const auto& [name, text] : *encrypt->object()) {
    if (!text.string()) return bad("encrypt." + name + " must be a string");
    for (const auto& placeholder : placeholders_of(*text.string()))
      if (std::ranges::find(encryptable, placeholder) == encryptable.end())
        return bad("encrypt." + name + " has an unknown placeholder {" + placeholder + "}");
    parameters.encrypt.emplace_back(name, *text.string());
    visible.push_back(name);
  }
  const Json* login = json.find("login");
  if (!login) return bad("login is missing");
  auto parsed = RequestTemplate::parse(*login, visible);
  if (!parsed) return bad("login: " + parsed.error().detail);
  parameters.login = std::move(*parsed);
  auto key = parse_encoding(json, "key_encoding", "auto");
  auto vector = parse_encoding(json, "initialization_vector_encoding", "auto");
  auto ciphertext = parse_encoding(json, "ciphertext_encoding", "base64");
  for (const auto* encoding : {&key, &vector, &ciphertext})
    if (!*encoding) return std::unexpected(encoding->error());
  if (*ciphertext != Encoding::hex && *ciphertext != Encoding::base64) return bad("ciphertext_encoding must be hex or base64");
  parameters.key = *key;
  parameters.initialization_vector = *vector;
  parameters.ciphertext = *ciphertext;
  return std::make_unique<Plan>(std::move(parameters));
}

}  // namespace granary
