# Every flag beyond -Wall -Wextra with the mistake it catches.
set(KALAM_WARNINGS
    -Wall -Wextra -Werror
    -Wconversion          # silent narrowing of sizes and offsets
    -Wshadow              # a local that hides another
    -Wvla                 # stack use that input decides
    -Wstrict-prototypes   # f() is not f(void)
    -Wmissing-prototypes  # a public function without its header
    -Wcast-qual           # casting const away
    -Wwrite-strings       # writing into literals
    -Wformat=2            # format strings that are not literals
    -Wimplicit-fallthrough
    -Wundef
    -Wno-sign-conversion) # int ↔ size_t of the same width is caught where it matters by -Wconversion
