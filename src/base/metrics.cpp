#include "base/metrics.hpp"

#include <prometheus/text_serializer.h>

namespace granary {

namespace {

template <class Kind>
auto& family(prometheus::Registry& registry, Kind build, const char* name, const char* help) {
  return build().Name(name).Help(help).Register(registry);
}

}  // namespace

Metrics::Metrics()
    : requests_(
          family(registry_, prometheus::BuildCounter, "granary_http_requests_total", "Requests answered, by route and status.")),
      checks_(family(registry_, prometheus::BuildCounter, "granary_checks_total", "Checks ended, by provider and result.")),
      credentials_(
          family(registry_, prometheus::BuildGauge, "granary_credentials", "Linked credentials, by provider and status.")),
      breaker_(family(registry_, prometheus::BuildGauge, "granary_breaker_open",
                      "1 while a provider refuses so many that nobody is blamed.")),
      queues_(family(registry_, prometheus::BuildGauge, "granary_queue_length", "Work that waits, by queue.")),
      commits_(family(registry_, prometheus::BuildHistogram, "granary_store_commit_seconds", "Time of one group commit.")),
      commit_seconds_(commits_.Add(
          {}, prometheus::Histogram::BucketBoundaries{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0})),
      log_lines_dropped_(family(registry_, prometheus::BuildCounter, "granary_log_lines_dropped_total",
                                "Lines of the log that could not be written.")
                             .Add({})),
      store_writable_(family(registry_, prometheus::BuildGauge, "granary_store_writable",
                             "0 while the disk is full or did not take the last write.")
                          .Add({})) {}

prometheus::Counter& Metrics::request_counter(std::string_view route, unsigned status) {
  return requests_.Add({{"route", std::string(route)}, {"status", std::to_string(status)}});
}

void RequestCounter::count(std::string_view route, unsigned status) {
  auto*& counter = known_[{route.data(), status}];
  if (!counter) counter = &metrics_.request_counter(route, status);
  counter->Increment();
}

void Metrics::count_check(std::string_view provider, std::string_view result) {
  checks_.Add({{"provider", std::string(provider)}, {"result", std::string(result)}}).Increment();
}

void Metrics::set_credentials(std::string_view provider, std::string_view status, double count) {
  credentials_.Add({{"provider", std::string(provider)}, {"status", std::string(status)}}).Set(count);
}

void Metrics::set_breaker_open(std::string_view provider, std::string_view environment, bool open) {
  breaker_.Add({{"provider", std::string(provider)}, {"environment", std::string(environment)}}).Set(open ? 1 : 0);
}

void Metrics::set_queue(std::string_view queue, double length) { queues_.Add({{"queue", std::string(queue)}}).Set(length); }

void Metrics::observe_commit(double commit_seconds) { commit_seconds_.Observe(commit_seconds); }

void Metrics::set_store_writable(bool writable) { store_writable_.Set(writable ? 1 : 0); }

void Metrics::set_log_lines_dropped(double count) { log_lines_dropped_.Increment(count - log_lines_dropped_.Value()); }

std::string Metrics::text() const { return prometheus::TextSerializer().Serialize(registry_.Collect()); }

}  // namespace granary
