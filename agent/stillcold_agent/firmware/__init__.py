"""What is installed on a gateway and on a broker beside the programs, rendered from templates.

``templates`` is a link to ``firmware_config``, so that the installed agent carries them; its folders mirror ``/``.
"""
