/* seal.c — secrets at rest, see seal.h.
 *
 * A sealed text is `v1:` and the hex digits of {nonce, 12 bytes · cipher text · tag, 16 bytes}. The
 * key file holds 64 hex digits. Nothing of a secret or the key gets into a message.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/seal.h"

#include "base/check.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "storage/files.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

enum { SEAL_KEY_BYTES = 32, SEAL_NONCE_BYTES = 12, SEAL_TAG_BYTES = 16, SEAL_FILE_MAX = 4096 };
#define SEAL_PREFIX "v1:"

struct seal {
    uint8_t key[SEAL_KEY_BYTES];
};

static void seal_append_hex(const uint8_t *bytes, size_t size, struct buf *out)
{
    CHECK(bytes != NULL || size == 0);
    for (size_t i = 0; i < size; i++)
        buf_printf(out, "%02x", bytes[i]);
}

static int seal_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False unless the whole text is hex digits of `size` bytes. */
static bool seal_from_hex(struct str text, uint8_t *out, size_t size)
{
    CHECK(out != NULL);
    if (text.size != size * 2)
        return false;
    for (size_t i = 0; i < size; i++) {
        int high = seal_digit(text.data[2 * i]), low = seal_digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* ---- the key --------------------------------------------------------------------------------- */

static enum status seal_make_key(const char *path, struct seal *seal, struct error *err)
{
    struct buf text;

    CHECK(path != NULL);
    id_random(seal->key, sizeof(seal->key));
    buf_init(&text);
    seal_append_hex(seal->key, sizeof(seal->key), &text);
    enum status status = file_write_all(path, buf_str(&text), 0600, err);
    OPENSSL_cleanse(text.data, text.size);
    buf_clear(&text);
    if (status == STATUS_OK)
        log_info("a key for the credentials of storages was generated");
    return status;
}

enum status seal_open(const char *path, struct seal **out, struct error *err)
{
    struct seal *seal = mem_zalloc(sizeof(*seal));
    struct buf text;

    CHECK(path != NULL && out != NULL);
    *out = NULL;
    buf_init(&text);
    enum status status = file_read_all(path, SEAL_FILE_MAX, &text, err);
    if (status == STATUS_ABSENT)
        status = seal_make_key(path, seal, err);
    else if (status == STATUS_OK &&
             !seal_from_hex(str_trim(buf_str(&text)), seal->key, sizeof(seal->key)))
        status = error_set(err, STATUS_CORRUPT,
                           "%s is damaged: restore it, or remove it and give the credentials of "
                           "all storages anew",
                           path);
    if (text.size > 0)
        OPENSSL_cleanse(text.data, text.size);
    buf_clear(&text);
    if (status == STATUS_OK)
        *out = seal;
    else
        seal_close(seal);
    return status;
}

void seal_close(struct seal *seal)
{
    if (seal == NULL)
        return;
    OPENSSL_cleanse(seal, sizeof(*seal));
    mem_free(seal);
}

/* ---- sealing --------------------------------------------------------------------------------- */

void seal_text(const struct seal *seal, struct str context, struct str plain, struct buf *out)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    uint8_t nonce[SEAL_NONCE_BYTES], tag[SEAL_TAG_BYTES];
    uint8_t *bytes = mem_alloc(plain.size + 1);
    int size = 0, last = 0;

    CHECK(plain.size < INT32_MAX && context.size < INT32_MAX);
    if (cipher == NULL)
        mem_exhausted();
    id_random(nonce, sizeof(nonce));
    CHECK(EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, seal->key, nonce) == 1);
    CHECK(EVP_EncryptUpdate(cipher, NULL, &size, (const uint8_t *)context.data,
                            (int)context.size) == 1);
    CHECK(EVP_EncryptUpdate(cipher, bytes, &size, (const uint8_t *)plain.data, (int)plain.size) ==
          1);
    CHECK(EVP_EncryptFinal_ex(cipher, bytes + size, &last) == 1);
    CHECK((size_t)size + (size_t)last == plain.size);
    CHECK(EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, SEAL_TAG_BYTES, tag) == 1);
    EVP_CIPHER_CTX_free(cipher);
    buf_append_str(out, STR_LIT(SEAL_PREFIX));
    seal_append_hex(nonce, sizeof(nonce), out);
    seal_append_hex(bytes, plain.size, out);
    seal_append_hex(tag, sizeof(tag), out);
    mem_free(bytes);
}

/* `bytes`: nonce, cipher text, tag. */
static bool seal_decrypt(const struct seal *seal, struct str context, uint8_t *bytes, size_t size,
                         uint8_t *plain)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    size_t text = size - SEAL_NONCE_BYTES - SEAL_TAG_BYTES;
    uint8_t *tag = bytes + SEAL_NONCE_BYTES + text;
    int got = 0, last = 0;

    CHECK(size >= SEAL_NONCE_BYTES + SEAL_TAG_BYTES && size < INT32_MAX);
    if (cipher == NULL)
        mem_exhausted();
    bool good = EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, seal->key, bytes) == 1 &&
                EVP_DecryptUpdate(cipher, NULL, &got, (const uint8_t *)context.data,
                                  (int)context.size) == 1 &&
                EVP_DecryptUpdate(cipher, plain, &got, bytes + SEAL_NONCE_BYTES, (int)text) == 1 &&
                EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, SEAL_TAG_BYTES, tag) == 1 &&
                EVP_DecryptFinal_ex(cipher, plain + got, &last) == 1;
    EVP_CIPHER_CTX_free(cipher);
    return good;
}

enum status seal_reveal(const struct seal *seal, struct str context, struct str sealed,
                        struct buf *out, struct error *err)
{
    const struct str prefix = STR_LIT(SEAL_PREFIX);
    bool good = str_starts_with(sealed, prefix);
    size_t size = good ? (sealed.size - prefix.size) / 2 : 0;

    CHECK(seal != NULL && out != NULL);
    good = good && size >= SEAL_NONCE_BYTES + SEAL_TAG_BYTES && size < INT32_MAX;
    if (good) {
        struct str hex = str_from(sealed.data + prefix.size, sealed.size - prefix.size);
        uint8_t *bytes = mem_alloc(size);
        size_t text = size - SEAL_NONCE_BYTES - SEAL_TAG_BYTES;
        uint8_t *plain = (uint8_t *)buf_reserve(out, text + 1);
        good = seal_from_hex(hex, bytes, size) && seal_decrypt(seal, context, bytes, size, plain);
        if (good)
            out->size += text;
        mem_free(bytes);
    }
    if (good)
        return STATUS_OK;
    return error_set(err, STATUS_CORRUPT,
                     "the credentials do not open with the key of this data folder");
}
