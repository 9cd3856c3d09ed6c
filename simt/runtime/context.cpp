// context.cpp: the switch itself, for each processor. See context.h.
#include "context.h"

#if defined(__APPLE__)
#define NAME(f) "_" #f
#define BEGIN(f) ".globl _" #f "\n.p2align 4\n_" #f ":\n"
#else
#define NAME(f) #f
#define BEGIN(f) ".globl " #f "\n.hidden " #f "\n.type " #f ",%function\n.p2align 4\n" #f ":\n"
#endif

#if defined(__x86_64__)

#define SAVE_REGISTERS \
  "  pushq %rbp\n"     \
  "  pushq %rbx\n"     \
  "  pushq %r12\n"     \
  "  pushq %r13\n"     \
  "  pushq %r14\n"     \
  "  pushq %r15\n"     \
  "  movq %rsp, (%rdi)\n"

// clang-format off
asm(".text\n"
    BEGIN(simt_switch)
    SAVE_REGISTERS
    "  movq %rsi, %rsp\n"
    "  popq %r15\n"
    "  popq %r14\n"
    "  popq %r13\n"
    "  popq %r12\n"
    "  popq %rbx\n"
    "  popq %rbp\n"
    "  ret\n"
    BEGIN(simt_start)
    SAVE_REGISTERS
    "  movq %rsi, %rsp\n"
    "  xorl %ebp, %ebp\n"  // the last frame, for whoever walks this stack
    "  call *%rdx\n"       // pushes an address: the stack is aligned as a function expects
    "  ud2\n");

#elif defined(__aarch64__)

#define SAVE_REGISTERS             \
  "  stp x29, x30, [sp, #-160]!\n" \
  "  stp x19, x20, [sp, #16]\n"    \
  "  stp x21, x22, [sp, #32]\n"    \
  "  stp x23, x24, [sp, #48]\n"    \
  "  stp x25, x26, [sp, #64]\n"    \
  "  stp x27, x28, [sp, #80]\n"    \
  "  stp d8, d9, [sp, #96]\n"      \
  "  stp d10, d11, [sp, #112]\n"   \
  "  stp d12, d13, [sp, #128]\n"   \
  "  stp d14, d15, [sp, #144]\n"   \
  "  mov x9, sp\n"                 \
  "  str x9, [x0]\n"

asm(".text\n"
    BEGIN(simt_switch)
    SAVE_REGISTERS
    "  mov sp, x1\n"
    "  ldp x19, x20, [sp, #16]\n"
    "  ldp x21, x22, [sp, #32]\n"
    "  ldp x23, x24, [sp, #48]\n"
    "  ldp x25, x26, [sp, #64]\n"
    "  ldp x27, x28, [sp, #80]\n"
    "  ldp d8, d9, [sp, #96]\n"
    "  ldp d10, d11, [sp, #112]\n"
    "  ldp d12, d13, [sp, #128]\n"
    "  ldp d14, d15, [sp, #144]\n"
    "  ldp x29, x30, [sp], #160\n"
    "  ret\n"
    BEGIN(simt_start)
    SAVE_REGISTERS
    "  mov sp, x1\n"
    "  mov x29, xzr\n"
    "  blr x2\n"
    "  brk #0\n");
// clang-format on

#else  // any other processor: the C library's contexts, slow but everywhere

#include <ucontext.h>

// A saved "stack pointer" is the address of the ucontext_t that lies on the saved stack.
extern "C" void simt_switch(void** save, void* to) {
  ucontext_t here;
  *save = &here;
  swapcontext(&here, static_cast<ucontext_t*>(to));
}
extern "C" void simt_start(void** save, void* top, void (*entry)()) {
  const unsigned long size = 48 * 1024;  // less than any stack that the runtime hands out
  ucontext_t here, there;
  *save = &here;
  getcontext(&there);
  there.uc_stack.ss_sp = static_cast<char*>(top) - size;
  there.uc_stack.ss_size = size;
  there.uc_link = nullptr;
  makecontext(&there, entry, 0);
  swapcontext(&here, &there);
}

#endif
