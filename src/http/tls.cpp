#include "http/tls.hpp"

#include <cstring>

#include "base/error.hpp"
#include "base/plaintext.hpp"
#include "base/small_file.hpp"

namespace granary::http {

namespace {

using boost::system::error_code;

constexpr std::size_t kPemBytesMax = 1024 * 1024;
constexpr std::chrono::seconds kPatience{1};

std::string read_pem(const char* flag, const std::string& path) {
  auto file = read_small_file(path, kPemBytesMax, kPatience);
  if (!file) throw StartRefused(std::string("cannot read ") + flag + " " + path + " (" + std::strerror(file.error()) + ")");
  return std::move(file->text);
}

void set_up(asio::ssl::context& context) {
  context.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1 |
                      asio::ssl::context::no_compression);
  // A key with a passphrase is refused: OpenSSL would ask for it on the terminal.
  context.set_password_callback([](std::size_t, asio::ssl::context::password_purpose) { return std::string(); });
  SSL_CTX_set_alpn_select_cb(
      context.native_handle(),
      [](SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in, unsigned int in_size, void*) {
        static constexpr unsigned char kHttp11[] = "\x08http/1.1";
        auto* chosen = const_cast<unsigned char**>(out);
        return SSL_select_next_proto(chosen, size, kHttp11, sizeof kHttp11 - 1, in, in_size) == OPENSSL_NPN_NEGOTIATED
                   ? SSL_TLSEXT_ERR_OK
                   : SSL_TLSEXT_ERR_NOACK;
      },
      nullptr);
}

std::shared_ptr<asio::ssl::context> load(const std::string& certificate_file, const std::string& key_file) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  set_up(*context);
  error_code error;
  context->use_certificate_chain(asio::buffer(read_pem("--tls-cert", certificate_file)), error);
  if (error) throw StartRefused("cannot use --tls-cert " + certificate_file + ": it must be a PEM certificate chain");
  std::string key = read_pem("--tls-key", key_file);
  context->use_private_key(asio::buffer(key), asio::ssl::context::pem, error);
  wipe(key);
  if (!error && SSL_CTX_check_private_key(context->native_handle()) == 1) return context;
  // OpenSSL may hold a key against the certificate while it takes it.
  if (!error || ERR_GET_REASON(static_cast<unsigned long>(error.value())) == X509_R_KEY_VALUES_MISMATCH)
    throw StartRefused("--tls-key " + key_file + " is not the key of --tls-cert " + certificate_file);
  throw StartRefused("cannot use --tls-key " + key_file +
                     ": it must be the PEM private key of the certificate, without a passphrase");
}

}  // namespace

TlsCertificate::TlsCertificate(std::string certificate_file, std::string key_file)
    : certificate_file_(std::move(certificate_file)),
      key_file_(std::move(key_file)),
      current_(load(certificate_file_, key_file_)) {}

void TlsCertificate::reload() {
  auto loaded = load(certificate_file_, key_file_);
  const std::lock_guard lock(mutex_);
  current_ = std::move(loaded);
}

std::shared_ptr<asio::ssl::context> TlsCertificate::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

}  // namespace granary::http
