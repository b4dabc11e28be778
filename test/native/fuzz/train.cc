// What one receive gives, of any octets: taken apart into the answers that the kernel coalesced, and each compared with a query.
// Input: how many control messages (1) and for each its kind (1) and value (4); how long the query's question is (1), the query,
// the octets received. The kernel is believed to hand over its control messages whole: there is room for all of them.
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <cstring>

#include "../../../native/batch.h"
#include "../../../native/wire.h"
#include "../check.h"
#include "input.h"

using namespace anyprobe;

namespace {

// Control messages as the kernel lays them out, one behind the other.
class Control {
 public:
  template <typename Value>
  void put(int level, int type, const Value& value) {
    const size_t at = octets_.size();
    octets_.resize(at + CMSG_SPACE(sizeof value));
    const cmsghdr head{CMSG_LEN(sizeof value), level, type};
    std::memcpy(&octets_[at], &head, sizeof head);
    std::memcpy(&octets_[at] + CMSG_LEN(0), &value, sizeof value);
  }
  uint8_t* data() { return octets_.data(); }
  size_t size() const { return octets_.size(); }

 private:
  std::vector<uint8_t> octets_;
};

Control control_of(Input& input) {
  Control control;
  for (int count = input.u8() % 5; count > 0; --count) {
    const uint8_t kind = input.u8();
    const uint16_t high = input.u16();
    const int32_t value = static_cast<int32_t>(static_cast<uint32_t>(high) << 16 | input.u16());
    switch (kind % 4) {
      case 0: control.put(SOL_UDP, UDP_GRO, value); break;
      case 1: control.put(SOL_SOCKET, SO_RXQ_OVFL, value); break;
      case 2: control.put(SOL_SOCKET, SCM_TIMESTAMPNS, timespec{value, 0}); break;
      case 3: control.put(kind, value, high); break;
    }
  }
  return control;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* octets, size_t length) {
  Input input(octets, length);
  Control control = control_of(input);
  const size_t question = input.u8();
  const std::vector<uint8_t> query = input.take(kDnsHeader + question);
  if (query.size() < kDnsHeader + question) return 0;
  std::vector<uint8_t> received = input.rest();
  Peer peer;
  iovec vector{received.data(), received.size()};
  const msghdr header{&peer, sizeof peer, &vector, 1, control.data(), control.size(), 0};

  const Inbox::Packet packet = packet_of(header, received.size());
  size_t sum = 0;
  packet.each([&](const uint8_t* at, size_t part, size_t following) -> size_t {
    CHECK(at == received.data() + sum && (part > 0 || received.empty()));
    sum += part;
    compare(query.data(), question, at, part);
    // Some are dealt with together, as the shard does.
    const size_t more = following / 2;
    for (size_t i = 1; i <= more && part >= kDnsHeader + question; ++i) {
      const bool plain = is_plain_answer(query.data(), question, at + i * part);
      CHECK(!plain || compare(query.data(), question, at + i * part, part) == Likeness::kAnswer);
    }
    sum += more * part;
    return more;
  });
  CHECK(sum == received.size());
  return 0;
}
