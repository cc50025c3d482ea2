// The certificate of a listener: what is refused and named, and that reading it anew replaces it or changes nothing.
#include "http/tls.hpp"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <fstream>

#include "base/error.hpp"
#include "base/temporary_folder_fixture.hpp"

namespace granary::http {

namespace {

std::string text_of(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(memory);
  return text;
}

// A key and its self-signed certificate, in PEM.
struct Pair {
  explicit Pair(const std::string& name) {
    EVP_PKEY* pair = EVP_EC_gen("P-256");
    X509* made = X509_new();
    X509_gmtime_adj(X509_getm_notBefore(made), 0);
    X509_gmtime_adj(X509_getm_notAfter(made), 3600);
    X509_set_pubkey(made, pair);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(made, X509_get_subject_name(made));
    X509_sign(made, pair, EVP_sha256());
    BIO* memory = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(memory, made);
    certificate = text_of(memory);
    memory = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(memory, pair, nullptr, nullptr, 0, nullptr, nullptr);
    key = text_of(memory);
    memory = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(memory, pair, EVP_aes_256_cbc(), nullptr, 0, nullptr, const_cast<char*>("secret"));
    locked_key = text_of(memory);
    X509_free(made);
    EVP_PKEY_free(pair);
  }
  std::string certificate, key, locked_key;
};

class TlsCertificateTest : public testing::Test {
 protected:
  void write(const std::string& certificate, const std::string& key) {
    std::ofstream(certificate_file_, std::ios::trunc) << certificate;
    std::ofstream(key_file_, std::ios::trunc) << key;
  }
  static std::string name_of(const TlsCertificate& certificate) {
    char name[100] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_CTX_get0_certificate(certificate.current()->native_handle())),
                              NID_commonName, name, sizeof name);
    return name;
  }
  static std::string refusal(const std::function<void()>& load) {
    try {
      load();
      return "";
    } catch (const StartRefused& refused) {
      return refused.what();
    }
  }

  TemporaryFolder folder_;
  const std::string certificate_file_ = folder_ / "cert.pem", key_file_ = folder_ / "key.pem";
  const Pair one_{"one"}, two_{"two"};
};

TEST_F(TlsCertificateTest, NamesTheFileAtFaultAtTheStartAndLater) {
  const struct {
    const char* name;
    std::string certificate, key, at_fault;
  } rows[] = {
      {"no certificate", "no PEM\n", one_.key, "--tls-cert " + certificate_file_ + ": it must be"},
      {"an empty one", "", one_.key, "--tls-cert " + certificate_file_},
      {"half of one", one_.certificate.substr(0, 100), one_.key, "--tls-cert " + certificate_file_},
      {"a key in its place", one_.key, one_.key, "--tls-cert " + certificate_file_},
      {"no key", one_.certificate, "no PEM\n", "--tls-key " + key_file_ + ": it must be"},
      {"half of one", one_.certificate, one_.key.substr(0, 100), "--tls-key " + key_file_},
      {"another's key", one_.certificate, two_.key, "--tls-key " + key_file_ + " is not the key of"},
      {"a key behind a passphrase", one_.certificate, one_.locked_key, "--tls-key " + key_file_},
  };
  for (const auto& row : rows) {
    write(two_.certificate, two_.key);
    TlsCertificate held(certificate_file_, key_file_);
    write(row.certificate, row.key);
    EXPECT_TRUE(refusal([&] { TlsCertificate(certificate_file_, key_file_); }).contains(row.at_fault)) << row.name;
    const std::string why = refusal([&] { held.reload(); });
    EXPECT_TRUE(why.contains(row.at_fault)) << row.name << ": " << why;
    EXPECT_EQ(name_of(held), "two") << row.name;
  }
}

TEST_F(TlsCertificateTest, FilesThatCannotBeRead) {
  write(one_.certificate, one_.key);
  TlsCertificate held(certificate_file_, key_file_);
  for (const std::string& path : {certificate_file_, key_file_}) {
    write(one_.certificate, one_.key);
    std::filesystem::remove(path);
    EXPECT_TRUE(refusal([&] { held.reload(); }).contains(path + " (No such file or directory)"));
    std::filesystem::create_directory(path);
    EXPECT_TRUE(refusal([&] { held.reload(); }).contains(path + " (Is a directory)"));
    std::filesystem::remove(path);
  }
  EXPECT_EQ(name_of(held), "one");
}

TEST_F(TlsCertificateTest, IsReadAnew) {
  write(one_.certificate, one_.key);
  TlsCertificate held(certificate_file_, key_file_);
  const auto before = held.current();
  write(two_.certificate, two_.key);
  EXPECT_EQ(name_of(held), "one");
  EXPECT_EQ(held.current(), before);
  held.reload();
  EXPECT_EQ(name_of(held), "two");
  EXPECT_NE(held.current(), before) << "who has it keeps it";
}

}  // namespace

}  // namespace granary::http
