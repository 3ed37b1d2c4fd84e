/* The child of a forker: a little work, and gone. */
int main(void) {
  for (volatile int i = 0; i < 20000; i++)
    ;
  return 0;
}
