/* A PVH kernel that is no operating system we know: it halts for ever.
   Interrupts are on, since Xen takes a halt with interrupts off for a power-off; nothing ever sends one. */
        .section .note.Xen, "a", @note
        .align 4
        .long 4, 4, 18          /* XEN_ELFNOTE_PHYS32_ENTRY */
        .asciz "Xen"
        .long _start

        .text
        .code32
        .globl _start
_start: sti
1:      hlt
        jmp 1b

        .section .note.GNU-stack, "", @progbits
