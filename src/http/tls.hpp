// The certificate with which a listener speaks TLS. A new connection takes the one of its moment and keeps it; the files may be
// read anew at any time.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <mutex>
#include <string>

#include "base/task.hpp"

namespace granary::http {

// Usable from every thread.
class TlsCertificate {
 public:
  // Both throw StartRefused with the file at fault and why; after a failed `reload` the certificate is the one from before.
  TlsCertificate(std::string certificate_file, std::string key_file);
  void reload();

  std::shared_ptr<asio::ssl::context> current() const;

 private:
  const std::string certificate_file_, key_file_;
  mutable std::mutex mutex_;
  std::shared_ptr<asio::ssl::context> current_;
};

}  // namespace granary::http
