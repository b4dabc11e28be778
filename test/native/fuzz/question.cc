// Answers of any octets compared with a query. Input: the question's length (1), the query, the answer.
#include "../../../native/wire.h"
#include "../check.h"
#include "input.h"

using namespace anyprobe;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* octets, size_t length) {
  Input input(octets, length);
  const size_t question = input.u8();
  const std::vector<uint8_t> query = input.take(kDnsHeader + question);
  // Ours: plan.cc lets through no query that is shorter than its question.
  if (query.size() < kDnsHeader + question) return 0;
  const std::vector<uint8_t> dns = input.rest();
  const Likeness likeness = compare(query.data(), question, dns.data(), dns.size());
  if (likeness == Likeness::kMalformed) return 0;
  CHECK(dns.size() >= kDnsHeader && is_response(dns.data()));
  if (likeness == Likeness::kNoQuestion) CHECK(rcode_of(dns.data()) != 0);
  if (likeness == Likeness::kAnswer) CHECK(dns.size() >= kDnsHeader + question && question_count(dns.data()) == 1);
  return 0;
}
