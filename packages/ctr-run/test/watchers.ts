/** What processes of a container try on a launcher that is among them for a while. */
import { closeSync, openSync, readlinkSync, writeSync } from 'node:fs';
import { start, tempDir, until } from '../../../test/support.ts';

/** A socket that nobody accepts on for a while: who connects to it waits, and with it the process that is being made. */
export async function stalling(seconds: number, socket = `${tempDir('stall')}/s`) {
  const lines = [
    'import socket, sys, time',
    's = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(0)',
    'c = socket.socket(socket.AF_UNIX); c.connect(sys.argv[1])', // now its queue is full
    'print("full", flush=True); time.sleep(float(sys.argv[2]))',
    's.settimeout(30); s.accept(); a, _ = s.accept(); a.recv(1000)',
  ];
  const peer = start('python3', ['-c', lines.join('\n'), socket, String(seconds)]);
  await until('the socket is there', () => peer.output().stdout.includes('full'));
  return { socket, ended: peer.ended };
}

/*
 * In a loop: where the descriptors of each process of the launcher's name lead; among them is the socket by which
 * it speaks to the one outside, which its command does not have: 0 to 2 do not count, which may be the command's by
 * the time that they are looked at. (Their numbers are not a secret: the directory
 * belongs to its user, and only the links ask for the right to trace.)
 */
export const watcher = `
  while :; do for p in /proc/[0-9]*; do
    read -r comm < $p/comm 2>/dev/null || continue
    case $comm in ctr-*)
      echo >> /shared/looks
      ls -l $p/fd 2>/dev/null | grep socket: | grep -v ' [012] -> ' >> /shared/seen ;;
    esac
  done; done`;

export const mark = 'written by a container';

/** Hold on to the file of a process, and write to it when nobody executes it any more; what that comes to. */
export async function overwritten(pid: number, end: () => void): Promise<string> {
  const held = openSync(`/proc/${pid}/exe`, 'r');
  try {
    end();
    await until('it has ended', () => {
      try {
        readlinkSync(`/proc/${pid}/exe`);
        return false;
      } catch {
        return true;
      }
    });
    const fd = openSync(`/proc/self/fd/${held}`, 'r+');
    try {
      writeSync(fd, mark, 0);
      return 'written';
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  } finally {
    closeSync(held);
  }
}

/*
 * The way of the original attack: the kernel runs what the first line of a script names, the launcher itself,
 * inside; another process holds on to the file of that one, and writes to it when it is executed no more. What
 * the writer found, by the words of its shell.
 */
export const writer = `
  end=$(($(date +%s) + 20))
  while [ $(date +%s) -lt $end ]; do for p in /proc/[0-9]*; do
    read -r comm < $p/comm 2>/dev/null || continue
    [ "$comm" = evil ] || continue
    {
      echo >> /shared/held
      # As long as anybody executes it, it is busy (open(2), ETXTBSY).
      while [ $(date +%s) -lt $end ]; do
        { printf '${mark}' 1<>/proc/self/fd/7; } 2>/shared/why && { echo >> /shared/written; exit 0; }
        why=; read -r why </shared/why
        case $why in *busy*) ;; *) exit 0 ;; esac
      done
      exit 0
    } 7< $p/exe 2>/dev/null
  done; done`;
