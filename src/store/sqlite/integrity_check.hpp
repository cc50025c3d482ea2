// Reads the whole file once, on a thread of its own, and holds pages, rows and indexes against each other. What is sealed
// proves itself when it is opened; this finds the damage that would hide a row or a user. About a second for 100,000
// credentials, in which the log cannot be begun anew.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <thread>

namespace granary::sqlite {

class IntegrityCheck {
 public:
  enum class End { sound, damaged, unknown };  // unknown: it could not be read to its end, or was not to be
  using Told = std::function<void(End end, const std::string& what)>;

  // `told` is called once, on the check's thread; `what` says what is wrong first.
  IntegrityCheck(std::string path, Told told);
  // Ends the check.
  ~IntegrityCheck();
  IntegrityCheck(const IntegrityCheck&) = delete;
  IntegrityCheck& operator=(const IntegrityCheck&) = delete;

 private:
  std::atomic<bool> is_stopping_ = false;
  std::thread thread_;
};

}  // namespace granary::sqlite
