"""What a lab's notebook imports: check, race, profile, trace, ladder, generate, carry_on."""
