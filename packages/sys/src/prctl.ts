/** prctl(2), what asks. Variadic in C, but with all five arguments in registers in the kernel's ABI. */
import { checked } from './error.ts';
import { native } from './koffi.ts';

const prctl = native<(option: number, arg2: number, arg3: number, arg4: number, arg5: number) => number>(
  'int prctl(int option, unsigned long arg2, unsigned long arg3, unsigned long arg4, unsigned long arg5)',
);

const PR_GET_SECUREBITS = 27;

/** The securebits of this process: those of whoever started it, but for keep_caps (capabilities(7)). */
export function getSecurebits(): number {
  return checked('prctl', ['PR_GET_SECUREBITS'], () => prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
}
