using System.Security.Cryptography;
using Adcp.Aot.Delivery;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>Tests the encryption of webhooks in the tables of the outbox.</summary>
public sealed class OutboxSealTests
{
    private const string Key = "key-0123456789abcdef";

    private static readonly byte[] Secret = RandomNumberGenerator.GetBytes(EncryptionKey.SizeInBytes);
    private static readonly Guid Installation = Guid.NewGuid();

    [Fact]
    public void Row_is_opened_by_another_process_that_has_the_key()
    {
        byte[] row = Seal(Of("k1"));

        Assert.Equal(OutboxSealStatus.Opened, Open(Of("k1"), row, out OutboxWebhook? webhook));
        Assert.Equal(Key, webhook!.IdempotencyKey);
        Assert.Equal(OutboxSealStatus.UnknownKey, Of("k2").Open(row, "k1", Installation, 1, 2, 3, out _));
    }

    [Fact]
    public void Equal_webhooks_have_different_nonces_and_ciphertexts()
    {
        OutboxSeal seal = Of("k1");

        byte[][] rows = [.. Enumerable.Range(0, 1000).Select(_ => Seal(seal))];

        Assert.Equal(1000, rows.Select(static row => Convert.ToHexString(row.AsSpan(17, 12))).Distinct().Count());
        Assert.Equal(1000, rows.Select(static row => Convert.ToHexString(row.AsSpan(45, 32))).Distinct().Count());
    }

    [Fact]
    public void Row_with_any_byte_changed_or_cut_is_not_opened()
    {
        OutboxSeal seal = Of("k1");
        byte[] row = Seal(seal);
        for (int i = 0; i < row.Length; i++)
        {
            byte[] changed = [.. row];
            changed[i] ^= 1;
            Assert.Equal(i == 0 ? OutboxSealStatus.UnknownFormat : OutboxSealStatus.Damaged, Open(seal, changed, out OutboxWebhook? none));
            Assert.Null(none);
        }

        for (int length = 0; length < row.Length; length++)
        {
            Assert.Equal(OutboxSealStatus.Damaged, Open(seal, row[..length], out _));
        }
    }

    [Theory]
    [InlineData("Bearer", false)]
    [InlineData("Sealer", true)]
    public void Authentication_of_a_later_program_is_told_from_one_that_is_known(string scheme, bool isLater)
    {
        Assert.Equal(isLater, OutboxHarness.Authenticated(scheme).IsOfLaterProgram);
    }

    [Fact]
    public void Row_in_another_place_is_not_opened()
    {
        OutboxSeal seal = new(SecretsAtRest.EncryptedWith(new EncryptionKey("k1", Secret), new EncryptionKey("k2", Secret)));
        byte[] row = Seal(seal);

        Assert.Equal(OutboxSealStatus.Damaged, seal.Open(row, "k1", Guid.NewGuid(), 1, 2, 3, out _));
        Assert.Equal(OutboxSealStatus.Damaged, seal.Open(row, "k1", Installation, 9, 2, 3, out _));
        Assert.Equal(OutboxSealStatus.Damaged, seal.Open(row, "k1", Installation, 1, 9, 3, out _));
        Assert.Equal(OutboxSealStatus.Damaged, seal.Open(row, "k1", Installation, 1, 2, 9, out _));
        Assert.Equal(OutboxSealStatus.Damaged, seal.Open(row, "k2", Installation, 1, 2, 3, out _));
        Assert.Equal(OutboxSealStatus.Opened, seal.Open(row, "k1", Installation, 1, 2, 3, out _));
    }

    [Fact]
    public void Rows_of_more_processes_than_are_remembered_are_opened()
    {
        byte[][] rows = [.. Enumerable.Range(0, OutboxSubkeys.MaxSubkeys + 10).Select(_ => Seal(Of("k1")))];
        OutboxSeal seal = Of("k1");

        Assert.All([.. rows, .. rows], row => Assert.Equal(OutboxSealStatus.Opened, Open(seal, row, out _)));
        Assert.Equal(OutboxSealStatus.Opened, Open(seal, Seal(seal), out _));
    }

    [Fact]
    public void Subkey_encrypts_a_limited_number_of_rows()
    {
        OutboxSubkey subkey = new OutboxSubkeys().Create(new EncryptionKey("k1", Secret));

        Assert.True(Enumerable.Range(0, OutboxSubkeys.MaxRowsPerSubkey).All(_ => subkey.TryCount()));
        Assert.False(subkey.TryCount());
        Assert.False(subkey.TryCount());
    }

    [Fact]
    public void Subkey_that_has_encrypted_its_rows_is_replaced()
    {
        OutboxSeal seal = Of("k1");
        byte[] before = Seal(seal);
        while (seal.Current.TryCount())
        {
        }

        byte[] after = Seal(seal);

        Assert.NotEqual(before[1..17], after[1..17]);
        Assert.Equal(OutboxSealStatus.Opened, Open(seal, before, out _));
        Assert.Equal(OutboxSealStatus.Opened, Open(seal, after, out _));
    }

    [Fact]
    public void Many_threads_seal_and_open()
    {
        OutboxSeal seal = Of("k1");

        Parallel.For(0, 2000, _ => Assert.Equal(OutboxSealStatus.Opened, Open(seal, Seal(seal), out OutboxWebhook? _)));
    }

    private static OutboxSeal Of(string keyId) => new(SecretsAtRest.EncryptedWith(new EncryptionKey(keyId, Secret)));

    private static OutboxSealStatus Open(OutboxSeal seal, byte[] row, out OutboxWebhook? webhook) =>
        seal.Open(row, "k1", Installation, 1, 2, 3, out webhook);

    private static byte[] Seal(OutboxSeal seal)
    {
        PreparedWebhook webhook = new(new WebhookDestination("https://buyer.example/hook", "op1"), "{\"a\":1}"u8.ToArray(), Key);
        return seal.Seal(new OutboxWebhook(webhook, new OutboxOptions { Tenant = "t1" }, null), Installation, 1, 2, 3);
    }
}
