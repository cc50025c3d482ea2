// Counters for /metrics, in Prometheus' text format. Families are made once, at start; increments are lock-free.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace granary {

class Metrics {
 public:
  Metrics();

  // requests{route,status}; kept by the caller, since looking it up costs more than counting.
  prometheus::Counter& request_counter(std::string_view route, unsigned status);
  // checks{provider,result}
  void count_check(std::string_view provider, std::string_view result);
  void set_credentials(std::string_view provider, std::string_view status, double count);
  void set_breaker_open(std::string_view provider, std::string_view environment, bool open);
  void set_queue(std::string_view queue, double length);
  void set_store_writable(bool writable);
  void observe_commit(double commit_seconds);
  // The whole count since the start.
  void set_log_lines_dropped(double count);

  std::string text() const;

 private:
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& requests_;
  prometheus::Family<prometheus::Counter>& checks_;
  prometheus::Family<prometheus::Gauge>& credentials_;
  prometheus::Family<prometheus::Gauge>& breaker_;
  prometheus::Family<prometheus::Gauge>& queues_;
  prometheus::Family<prometheus::Histogram>& commits_;
  prometheus::Histogram& commit_seconds_;
  prometheus::Counter& log_lines_dropped_;
  prometheus::Gauge& store_writable_;
};

// Counts one thread's requests.
class RequestCounter {
 public:
  explicit RequestCounter(Metrics& metrics) : metrics_(metrics) {}
  // `route` is a constant: counters are kept by its address.
  void count(std::string_view route, unsigned status);

 private:
  Metrics& metrics_;
  std::map<std::pair<const char*, unsigned>, prometheus::Counter*> known_;
};

}  // namespace granary
