/** The guest's kernel did what a real one dies of. Never leaves the guest: it prints the message and stops. */
export class Oops extends Error {
  override readonly name = "Oops";
}
