// Reads the whole file once, on a thread of its own, and holds pages, rows and indexes against each other. What is sealed
// proves itself when it is opened; this finds the damage that would hide a row or a user.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "store/sqlite/connection.hpp"

namespace granary::sqlite {

class IntegrityCheck {
 public:
  // `on_damage` is told what is wrong first, on the check's thread. Throws Failure when the file does not open.
  IntegrityCheck(const std::string& path, std::function<void(const std::string& what)> on_damage);
  // Ends before the check does.
  ~IntegrityCheck();
  IntegrityCheck(const IntegrityCheck&) = delete;
  IntegrityCheck& operator=(const IntegrityCheck&) = delete;

 private:
  Connection connection_;
  std::thread thread_;
};

}  // namespace granary::sqlite
