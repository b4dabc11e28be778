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
  // Swapping leaves the checksum as it was, setting QR does not; over IPv4 there need not be one.
  packet->udp.check = 0;
  return XDP_TX;
}

// pass stands on the sender's side: a veth takes packets from XDP_TX only where its peer has a program too.
SECTION("xdp/pass") int pass(struct xdp_md *context) {
  (void)context;
  return XDP_PASS;
}
