// Whole lines to a descriptor that other processes may share, such as standard error. A write never waits for a reader: a line
// that does not fit is not written. For one thread at a time.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace granary {

class LineOutput {
 public:
  // `descriptor` stays the caller's; -1 takes nothing.
  explicit LineOutput(int descriptor);
  ~LineOutput();
  LineOutput(const LineOutput&) = delete;
  LineOutput& operator=(const LineOutput&) = delete;

  // False: nothing of the line was written. One that was begun is ended before the next, or cut where its reader went.
  bool write(std::string_view line);

 private:
  ssize_t write_now(std::string_view bytes);
  bool write_rest();

  int descriptor_;
  int own_ = -1;  // the same pipe or terminal, opened a second time
  bool is_socket_ = false;
  std::size_t piece_bytes_;  // as much as a descriptor takes without waiting once poll() says that it takes something
  std::string rest_;         // of the last line
  bool is_begun_ = false;
};

}  // namespace granary
