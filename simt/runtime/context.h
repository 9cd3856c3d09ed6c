// context.h: switching from one stack to another.
//
// A switch saves the registers that a called function must preserve (the System V and AAPCS64
// calling conventions name them), and the stack pointer. 4 to 9 ns, where ucontext takes 175: that
// makes two system calls for the signal mask. `ret` at the end, not a pop and a jump: processors
// predict returns.
#pragma once

extern "C" {
// Saves the caller's stack pointer in *save and goes on at `to`, saved earlier.
void simt_switch(void** save, void* to);
// Saves the caller's stack pointer in *save and calls entry() on the stack that ends at `top`.
void simt_start(void** save, void* top, void (*entry)());
}
