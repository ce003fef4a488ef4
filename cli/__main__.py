"""`python -m cli`: the same as `whatsapp-microservice`."""

from cli.main import main

main()
