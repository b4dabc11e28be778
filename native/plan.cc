#include "plan.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "wire.h"

namespace anyprobe {
namespace {

constexpr uint16_t kLongestQuery = 65507;
constexpr size_t kFitsAnyPath = 548;  // the 576 octets that every IPv4 host takes (RFC 1122 3.3.2), less the headers

std::string unpack_templates(const uint8_t* at, const uint8_t* end, std::vector<Template>* into) {
  while (at < end) {
    PackedTemplate head;
    if (static_cast<size_t>(end - at) < sizeof(head)) return "templates: a header is cut short";
    std::memcpy(&head, at, sizeof(head));
    at += sizeof(head);
    if (head.length > kLongestQuery) return "templates: a query's length is out of range";
    if (end - at < head.length) return "templates: a query is cut short";
    if (head.id_at < -1 || (head.id_at >= 0 && head.id_at + 2 > head.length)) return "templates: the id lies outside its query";
    if (head.question_length > 0 && (head.id_at != 0 || kDnsHeader + head.question_length > head.length)) {
      return "templates: the question lies outside its query";
    }
    into->emplace_back(at, head.length, head.id_at, head.question_length);
    at += head.length;
  }
  return into->empty() ? "templates: expected one query at least" : "";
}

std::string unpack_target(const PackedTarget& packed, const Plan& plan, Target* target, Start* start, Peer* peer) {
  if (packed.query >= plan.templates.size()) return "table: a target names a query that is not there";
  auto in_range = [](double ns) { return ns >= 0 && ns <= static_cast<double>(kLongestNs); };
  if (!in_range(packed.start_ns) || !in_range(packed.interval_ns)) return "table: a time is out of range";
  start->start_ns = static_cast<int64_t>(packed.start_ns);
  start->interval_ns = static_cast<int64_t>(packed.interval_ns);
  target->probe = packed.probe;
  target->query = packed.query;
  if (packed.port == 0) return "table: port 0 cannot be asked";
  if (packed.family != 4 && packed.family != 6) return "table: a family is neither 4 nor 6";
  Address address{};
  std::memcpy(&address, packed.address, sizeof(address));
  *peer = peer_at(packed.family == 6, address, packed.port);
  std::memcpy(&start->source, packed.source, sizeof(start->source));
  if (is_unset(start->source)) start->source = peer->ipv6() ? plan.schedule.source6 : plan.schedule.source4;
  return "";
}

std::string check(const Schedule& schedule) {
  if (schedule.timeout_ns <= 0 || schedule.timeout_ns > kLongestNs) return "schedule: the timeout is out of range";
  bool rate = schedule.rate_qps >= kLowestQps && schedule.rate_qps <= kHighestQps;
  if (!rate && schedule.rate_qps != 0) return "schedule: the rate is out of range";
  if (rate && schedule.inflight > 0) return "schedule: expected a rate or a number in flight, got both";
  if (schedule.replay && (rate || schedule.inflight > 0)) return "schedule: expected a replay or another pace, got both";
  if (schedule.start_ns < 0 || schedule.start_ns > kLongestNs) return "schedule: the start is out of range";
  if (schedule.ports < 1 || schedule.ports > kMostPorts) return "schedule: the number of ports is out of range";
  if (schedule.train < 1 || schedule.train > kLongestTrain) return "schedule: the train's length is out of range";
  if (schedule.train_ns < 0 || schedule.train_ns > kLongestNs) return "schedule: the train's time is out of range";
  if (schedule.first_port > UINT16_MAX) return "schedule: the first port is out of range";
  if (schedule.raw && (schedule.train > 1 || schedule.transmit_stamps)) {
    return "schedule: the raw transport has no trains and no transmit stamps";
  }
  return "";
}

}  // namespace

Template::Template(const uint8_t* octets, size_t length, int id_at, size_t question_length)
    : octets(std::max<size_t>(1, (length + kBlockOctets - 1) / kBlockOctets) * kBlockOctets),
      length(length),
      id_at(id_at),
      question_length(question_length) {
  std::copy(octets, octets + length, this->octets.begin());
}

std::string unpack(const uint8_t* templates, size_t template_octets, const uint8_t* table, size_t table_octets,
                   Plan* plan) {
  std::string fault = unpack_templates(templates, templates + template_octets, &plan->templates);
  if (!fault.empty()) return fault;
  if (table_octets == 0 || table_octets % sizeof(PackedTarget) != 0) return "table: expected whole rows, one at least";
  std::unordered_map<Peer, uint32_t, PeerHash> known;
  for (size_t at = 0; at < table_octets; at += sizeof(PackedTarget)) {
    PackedTarget packed;
    std::memcpy(&packed, table + at, sizeof(packed));
    Target target;
    Start start;
    Peer peer;
    fault = unpack_target(packed, *plan, &target, &start, &peer);
    if (!fault.empty()) return fault;
    auto [entry, fresh] = known.try_emplace(peer, static_cast<uint32_t>(plan->peers.size()));
    if (fresh) plan->peers.push_back(peer);
    target.peer = entry->second;
    plan->targets.push_back(target);
    plan->starts.push_back(start);
  }
  plan->schedule.whole = std::ranges::all_of(plan->templates, [](auto& query) { return query.length <= kFitsAnyPath; });
  return check(plan->schedule);
}

}  // namespace anyprobe
