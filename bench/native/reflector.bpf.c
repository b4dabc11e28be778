// The XDP reflector: every IPv4 UDP packet that arrives goes back where it came from, as a DNS answer (QR set), before
// the kernel makes a socket buffer of it. The cheapest answerer that there is on a veth.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>

#define SECTION(name) __attribute__((section(name), used))
#define swap(a, b)            \
  do {                        \
    __typeof__(a) before = a; \
    a = b;                    \
    b = before;               \
  } while (0)

struct Packet {
  struct ethhdr ethernet;
  struct iphdr ip;
  struct udphdr udp;
  __u16 id;
  __u8 flags;
} __attribute__((packed));

// checksum is that of a UDP datagram (RFC 768), from the start: a query's own may have been left to a device (a veth computes
// none). Without one the kernel does not coalesce answers. 0, which is none, for a longer datagram.
static inline __attribute__((always_inline)) __u16 checksum(struct Packet *packet, void *end) {
  enum { kMostPieces = 32 };  // of four octets
  __u64 sum = (__u64)packet->ip.saddr + packet->ip.daddr + __builtin_bswap16(17) + packet->udp.len;
  int octets = __builtin_bswap16(packet->udp.len);
  if (octets > kMostPieces * 4) return 0;
  __u8 *at = (__u8 *)packet + sizeof(packet->ethernet) + sizeof(packet->ip);
#pragma unroll
  for (int i = 0; i < kMostPieces; ++i, at += 4, octets -= 4) {
    if ((void *)(at + 4) > end || octets < 4) break;
    sum += *(__u32 *)at;
  }
  if (octets >= 2 && (void *)(at + 2) <= end) {
    sum += *(__u16 *)at;
    at += 2;
    octets -= 2;
  }
  if (octets == 1 && (void *)(at + 1) <= end) sum += *at;
  sum = (sum & 0xffffffff) + (sum >> 32);
  for (int i = 0; i < 4; ++i) sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff ? 0xffff : ~sum;
}

// reflect needs no address of its own: it answers for every target that is routed to it.
SECTION("xdp") int reflect(struct xdp_md *context) {
  struct Packet *packet = (void *)(long)context->data;
  if ((void *)(packet + 1) > (void *)(long)context->data_end) return XDP_PASS;
  if (packet->ethernet.h_proto != __builtin_bswap16(ETH_P_IP)) return XDP_PASS;
  if (packet->ip.protocol != 17 || packet->ip.ihl != 5) return XDP_PASS;
  unsigned char mac[ETH_ALEN];
  __builtin_memcpy(mac, packet->ethernet.h_dest, ETH_ALEN);
  __builtin_memcpy(packet->ethernet.h_dest, packet->ethernet.h_source, ETH_ALEN);
  __builtin_memcpy(packet->ethernet.h_source, mac, ETH_ALEN);
  swap(packet->ip.saddr, packet->ip.daddr);
  swap(packet->udp.source, packet->udp.dest);
  packet->flags |= 0x80;
  packet->udp.check = 0;
  packet->udp.check = checksum(packet, (void *)(long)context->data_end);
  return XDP_TX;
}

// pass stands on the sender's side: a veth takes packets from XDP_TX only where its peer has a program too.
SECTION("xdp/pass") int pass(struct xdp_md *context) {
  (void)context;
  return XDP_PASS;
}
