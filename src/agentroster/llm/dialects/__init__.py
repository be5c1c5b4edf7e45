"""How model servers depart from OpenAI's wire, and what is done: tables, and the few engines that read them."""
