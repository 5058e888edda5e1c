"""Files in, Documents out: a LangChain loader for each format; `loading.load` picks the right one."""
