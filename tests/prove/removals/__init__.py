"""Takes each alternative of the language's grammar, and the code of each of its numbered rules, out of a copy of the program."""
