/** Where things lie. */

/** What joined networks, and what of it there is to undo: a directory each in `records`. */
export const STATE = '/run/ctr-tools/net';
export const RECORDS = `${STATE}/records`;
/** A file for each port of this machine that is published, with the ID of whose it is. */
export const PORTS = `${STATE}/ports`;
/** What is mounted over /etc/hosts and /etc/resolv.conf: a file for each network, and for each content. */
export const FILES = `${STATE}/files`;
/** Locked while plugins of an ADD run. */
export const TURN = `${STATE}/turn`;

/** The network `default`, as it was made up when it was first used. */
export const DEFAULT_LIST = `${STATE}/default.conflist`;
/** Leases of `default`: with the rest they are gone after a boot, as what they are for is. */
export const LEASES = `${STATE}/leases`;

export const LISTS = '/etc/cni/net.d';

/** Where distributions put plugins: Debian, the CNI project's own archive, Fedora. */
export const PLUGIN_DIRECTORIES = ['/usr/lib/cni', '/opt/cni/bin', '/usr/libexec/cni'];

/** The plugins call iptables(8) by its name. */
export const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The interface inside. */
export const INTERFACE = 'eth0';
