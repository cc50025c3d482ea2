// Valley: a login whose user name and password are encrypted with AES-CBC under the application's key. Opens what came
// with each account's own key and compares.
#include "base/encoding.hpp"
#include "crypto/primitives.hpp"
#include "sandbox/flow.hpp"

namespace granary::sandbox {

namespace {

bool is_key_length(std::size_t size) { return size == 16 || size == 24 || size == 32; }
bool is_vector_length(std::size_t size) { return size == 16; }

std::optional<std::string> decode(std::string_view encoding, std::string_view text) {
  if (encoding == "hex") return from_hex(text);
  if (encoding == "base64") return from_base64(text);
  return std::string(text);
}

// Bytes of a legal length; "auto" takes the first reading that gives them.
std::optional<std::string> read_bytes(const Provider& provider, std::string_view parameter, std::string_view text,
                                      bool (*is_length)(std::size_t)) {
  const std::string encoding = provider.parameters.find_string(parameter).value_or("auto");
  const auto readings = encoding == "auto" ? std::vector<std::string>{"hex", "base64", "plain"} : std::vector{encoding};
  for (const std::string& reading : readings)
    if (auto bytes = decode(reading, text); bytes && is_length(bytes->size())) return bytes;
  return std::nullopt;
}

// The values of fields that the encrypted values turn out to hold under this account's key; those that do not open, or
// do not have the descriptor's form, are left out.
Values open_login(const Account& account, const Values& sent) {
  const Provider& provider = *account.provider;
  const auto key = read_bytes(provider, "key_encoding", value_of(account.fields, kKeyField), is_key_length);
  const auto vector =
      read_bytes(provider, "initialization_vector_encoding", value_of(account.fields, kVectorField), is_vector_length);
  const std::string encoding = provider.parameters.find_string("ciphertext_encoding").value_or("base64");
  const Json* encrypt = provider.parameters.find("encrypt");
  Values opened = sent;
  if (!key || !vector || !encrypt || !encrypt->object()) return opened;
  for (const auto& [name, form] : *encrypt->object()) {
    const auto cipher = decode(encoding, value_of(sent, name));
    const auto plain = cipher && !cipher->empty() ? crypto::decrypt_cbc(*key, *vector, *cipher) : std::nullopt;
    if (!plain || !form.string()) continue;
    const bool is_right = plain->reveal() == expand(*form.string(), account.fields);
    Values read;
    if (!is_right && !read_text(*form.string(), plain->reveal(), read)) continue;
    for (const std::string& field : placeholders(form))
      opened[field] = is_right ? value_of(account.fields, field) : value_of(read, field);
  }
  return opened;
}

Reading read_login(Accounts& accounts, const Call& call, const Json& form) {
  const auto sent = read_request(form, call.provider, call.request, call.path);
  if (!sent) return settled(answer_misfit(sent.error()));
  const Login login = find_login(accounts, call.provider, *sent, open_login);
  Reading reading = settled(answer(401, Json::Object{{"message", "The login was refused."}}));
  reading.account = login.account;
  reading.purpose = Purpose::login;
  if (login.verdict == Login::Verdict::accepted) reading.work = [] { return answer(200, Json::Object{{"status", "active"}}); };
  return reading;
}

}  // namespace

Reading read_encrypted_login(Accounts& accounts, const Call& call) {
  const Json* login = call.provider.parameters.find("login");
  if (is_path_of(login, call.path)) return read_login(accounts, call, *login);
  return settled(answer_misfit({404, "no such route"}));
}

}  // namespace granary::sandbox
