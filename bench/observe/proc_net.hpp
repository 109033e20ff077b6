// The kernel's network counters as text of /proc/net → name → value. Pure: a
// text that is not as the kernel writes it is an Error, never a wrong number.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace netstall {

// Values by name, as "TcpExt.TCPTimeouts". Counters only go up, and are kept
// modulo 2^64 (the kernel's are unsigned): only the difference of two says
// something. Gauges are states: "Tcp.CurrEstab", "TCP.mem" (pages).
struct CounterSnapshot {
  std::map<std::string, std::int64_t> counters;
  std::map<std::string, std::int64_t> gauges;
};

// Each parser adds what `text` holds to `snapshot`, and throws Error (failed)
// naming `file` and the line where the text is malformed: a value that is no
// number or does not fit, more or fewer values than names, a name twice.

// /proc/net/netstat and /proc/net/snmp: a line of names, then one of values.
void parse_netstat(std::string_view text, std::string_view file, CounterSnapshot& snapshot);

// /proc/net/snmp6: a name and a value a line; "Ip6InReceives" → "Ip6.InReceives".
void parse_snmp6(std::string_view text, std::string_view file, CounterSnapshot& snapshot);

// /proc/net/sockstat and sockstat6: "TCP: inuse 1 orphan 0" → "TCP.inuse". All gauges.
void parse_sockstat(std::string_view text, std::string_view file, CounterSnapshot& snapshot);

// /proc/net/softnet_stat: a row of hexadecimal columns for each online CPU →
// "softnet.cpu0.processed", ".dropped", ".time_squeeze", ".received_rps" and
// ".flow_limit", each of 32 bits. Columns beyond those known are left alone. The
// CPU's number is column 13: rows without it (kernels before 5.10) are an Error.
void parse_softnet(std::string_view text, std::string_view file, CounterSnapshot& snapshot);

// Whether a gauge is a setting of the namespace, as Ip.DefaultTTL, and no count of anything.
bool is_setting(std::string_view gauge);

}  // namespace netstall
