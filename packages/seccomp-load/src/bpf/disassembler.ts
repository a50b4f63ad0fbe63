import { BPF, seccompData } from '@ctr-tools/sys/constants';
import { abiOfCall, abis, callName } from '../abi.ts';
import { describeReturn } from '../actions.ts';
import type { Instruction } from './program.ts';

const alu: Record<number, string> = {
  [BPF.ALU_ADD]: 'add',
  [BPF.ALU_SUB]: 'sub',
  [BPF.ALU_MUL]: 'mul',
  [BPF.ALU_DIV]: 'div',
  [BPF.ALU_OR]: 'or',
  [BPF.ALU_AND]: 'and',
  [BPF.ALU_LSH]: 'lsh',
  [BPF.ALU_RSH]: 'rsh',
  [BPF.ALU_NEG]: 'neg',
  [BPF.ALU_XOR]: 'xor',
};

const jumps: Record<number, string> = {
  [BPF.JEQ]: '==',
  [BPF.JGT]: '>',
  [BPF.JGE]: '>=',
  [BPF.JSET]: '&',
};

const hex = (value: number): string => `0x${value.toString(16)}`;

/** A word of `struct seccomp_data` by name: `nr`, `arch`, `args[0].low`. */
export function fieldName(offset: number): string {
  if (offset === seccompData.nr) return 'nr';
  if (offset === seccompData.arch) return 'arch';
  const half = offset % 8 === 0 ? 'low' : 'high';
  if (offset < seccompData.args) return `instruction_pointer.${half}`;
  return `args[${Math.floor((offset - seccompData.args) / 8)}].${half}`;
}

/** What A may hold at an instruction, as far as it helps to explain a comparison: what was loaded, and for which architecture. */
interface Known {
  field?: string;
  arch?: number;
}

/** What is known at each instruction; what two ways disagree about is not known. */
function flow(program: readonly Instruction[]): (Known | undefined)[] {
  const known: (Known | undefined)[] = [{}];
  const reach = (to: number, what: Known): void => {
    const before = known[to];
    if (!before) known[to] = what;
    else
      known[to] = {
        ...(before.field === what.field && what.field !== undefined && { field: what.field }),
        ...(before.arch === what.arch && what.arch !== undefined && { arch: what.arch }),
      };
  };
  for (const [at, { code, jt, jf, k }] of program.entries()) {
    const here = known[at];
    if (!here) continue;
    if (code === BPF.RET || code === BPF.RET_A) continue;
    if (code === BPF.JA) reach(at + 1 + k, here);
    else if ((code & 7) === 5) {
      const isArch = here.field === 'arch' && code === BPF.JEQ;
      reach(at + 1 + jt, isArch ? { ...here, arch: k } : here);
      reach(at + 1 + jf, here);
    } else if (code === BPF.LD_ABS) reach(at + 1, { ...here, field: fieldName(k) });
    else {
      const { field: _, ...rest } = here;
      reach(at + 1, code === BPF.ALU_AND ? here : rest);
    }
  }
  return known;
}

function remark(known: Known | undefined, k: number): string {
  if (known?.field === 'arch')
    return [...abis.values()].find((a) => a.audit === k && a.base === 0)?.name ?? '';
  if (known?.field !== 'nr' || known.arch === undefined) return '';
  const abi = abiOfCall(known.arch, k);
  return (abi && callName(abi, k)) ?? '';
}

function words({ code, jt, jf, k }: Instruction, at: number, known: Known | undefined): [string, string] {
  const operand = code & BPF.X ? 'X' : hex(k);
  const operation = code & ~BPF.X;
  switch (code) {
    case BPF.LD_ABS:
      return [`A = ${fieldName(k)}`, ''];
    case BPF.LD_IMM:
      return [`A = ${hex(k)}`, ''];
    case BPF.LD_MEM:
      return [`A = M[${k}]`, ''];
    case BPF.LD_LEN:
      return [`A = ${seccompData.size}`, ''];
    case BPF.LDX_IMM:
      return [`X = ${hex(k)}`, ''];
    case BPF.LDX_MEM:
      return [`X = M[${k}]`, ''];
    case BPF.LDX_LEN:
      return [`X = ${seccompData.size}`, ''];
    case BPF.ST:
      return [`M[${k}] = A`, ''];
    case BPF.STX:
      return [`M[${k}] = X`, ''];
    case BPF.TAX:
      return ['X = A', ''];
    case BPF.TXA:
      return ['A = X', ''];
    case BPF.JA:
      return [`goto ${at + 1 + k}`, ''];
    case BPF.RET:
      return [`return ${describeReturn(k)}`, ''];
    case BPF.RET_A:
      return ['return A', ''];
  }
  if ((code & 7) === 5 && jumps[operation])
    return [
      `if (A ${jumps[operation]} ${operand}) goto ${at + 1 + jt}${jf === 0 ? '' : ` else ${at + 1 + jf}`}`,
      remark(known, k),
    ];
  if ((code & 7) === 4 && alu[operation]) return [`A ${alu[operation]} ${operand}`, ''];
  return [`unknown code ${hex(code)} jt ${jt} jf ${jf} k ${hex(k)}`, ''];
}

/** A program as text, an instruction a line: number, what it does, and whom it concerns. */
export function disassemble(program: readonly Instruction[]): string {
  const known = flow(program);
  const width = String(program.length - 1).length;
  return program
    .map((instruction, at) => {
      const [what, about] = words(instruction, at, known[at]);
      return `${String(at).padStart(width)}  ${about ? `${what.padEnd(44)}  # ${about}` : what}\n`;
    })
    .join('');
}
