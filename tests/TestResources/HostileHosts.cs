namespace Adcp.Aot.TestResources;

/// <summary>
/// Hosts of urls that lead, or that some program takes to lead, to this machine, its network or a metadata service.
/// Other files have forms of addresses too; this list has the ways to write them.
/// </summary>
internal static class HostileHosts
{
    public static TheoryData<string> All { get; } =
    [
        // IPv4, plain and in the forms of inet_aton.
        "127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "127.0.0.01", "127.0.0.0x1", "0177.0.0.1", "00000177.1", "017700000001",
        "0x7f000001", "0X7F000001", "0x7f.0.0.1", "0x7f.1", "2130706433", "4294967297", "256.256.256.256", "0", "00", "0x0", "0.0.0.0",
        "169.254.169.254", "0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "169.254.43518", "[::ffff:a9fe:a9fe]", "10.0.0.1", "x.1",
        "public.example.0x7f",

        // Digits and full stops of other scripts and shapes.
        "\uff11\uff12\uff17.0.0.1", "\uff11\uff12\uff17\uff0e\uff10\uff0e\uff10\uff0e\uff11", "127\u30020\u30020\u30021",
        "127\uff610\uff610\uff611", "127\uff0e0\uff0e0\uff0e1", "127\u30021", "0x7f\u30021", "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",
        "\u00b9\u00b2\u2077.\u2070.\u2070.\u00b9", "\u2488\u2489\u248e1", "\ud83c\udd0227.0.0.1",
        "\ud835\udfcf\ud835\udfd0\ud835\udfd5.0.0.1", "\ud83e\udff1\ud83e\udff2\ud83e\udff7.0.0.1", "127\u20240\u20240\u20241",
        "\uff12\uff11\uff13\uff10\uff17\uff10\uff16\uff14\uff13\uff13", "0\uff58\uff17\uff46.1",
        "\u0661\u0662\u0667.0.0.1", "127.0.0.\u0661",
        "127.0.0.1\u3002", "127.0.0.1\u00ad", "1\u200b27.0.0.1", "127.0.0.1\u2028",

        // Percent-encoded, blanks and controls.
        "%31%32%37.0.0.1", "127%2e0%2e0%2e1", "127.0.0.1%00", "127.0.0.1%20", "127.0.0.1\t", " 127.0.0.1", "127.0.0.1\0", "127.0.0.1\r\n",
        "%6c%6f%63%61%6c%68%6f%73%74",

        // IPv6.
        "[::1]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:7f00:1]", "[::ffff:0:127.0.0.1]", "[::127.0.0.1]", "[::7f00:1]", "[::1%25lo]", "[::1%lo]", "[::1%1]",
        "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[fe80::1]", "[fec0::1]",
        "[fc00::1]", "[fd00:ec2::254]",
        "[::\uff11]", "[\uff1a\uff1a1]", "[::1].", "[::1]x", "[[::1]]", "::1", "[::1", "[127.0.0.1]",

        // Names of this machine and of metadata services.
        "localhost", "LOCALHOST", "localhost.", "a.localhost", "LocalHost\u3002", "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3",
        "\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54", "localho\u017ft", "loca\u00adlhost", "metadata.google.internal",
        "METADATA.google.internal.", "\uff4detadata.google.internal", "metadata\u3002google\u3002internal",

        // A host in front of another one.
        "user@127.0.0.1", "public.example@127.0.0.1", "public.example:443@127.0.0.1", "127.0.0.1\\@public.example",
        "public.example\\@127.0.0.1", "127.0.0.1%23@[::1]", "public.example%40127.0.0.1", "public.example\uff20127.0.0.1",
        "127.0.0.1\uff0f.public.example", "127.0.0.1\u2100.public.example", "127.0.0.1:", "127.0.0.1:00443", "127.0.0.1:\uff14\uff14\uff13",
    ];
}
