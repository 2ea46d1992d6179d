using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace Adcp.Aot.Hosting;

/// <summary>Reads egress rules and rate limits of settings, with their certificates.</summary>
internal static class EgressPlan
{
    /// <summary>Reads the egress rules.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="contentRoot">The folder in which relative paths of files begin.</param>
    /// <param name="certificates">
    /// Receives the certificates of each rule that has any. Their owner disposes the present ones after the sender. Replaced ones are left
    /// to the garbage collector, because connections may still use them.
    /// </param>
    /// <param name="files">Receives the files of the certificates, to be read again when they change.</param>
    /// <param name="faults">The faults, each with the path of its setting.</param>
    internal static EgressRule[] RulesOf(
        IList<EgressSettings> settings, string contentRoot, List<EgressCertificates> certificates, List<WatchedFiles> files,
        SettingFaults faults)
    {
        List<EgressRule> rules = [];
        for (int i = 0; i < settings.Count; i++)
        {
            rules.Add(RuleOf(settings[i], $"Sender:Egress:{i}", contentRoot, certificates, files, faults));
        }

        return [.. rules];
    }

    /// <summary>Reads the rate limits.</summary>
    internal static EndpointRateLimit[] LimitsOf(IList<RateLimitSettings> settings, SettingFaults faults)
    {
        List<EndpointRateLimit> limits = [];
        for (int i = 0; i < settings.Count; i++)
        {
            RateLimitSettings from = settings[i];
            string at = $"Delivery:RateLimits:{i}";
            EndpointRateLimit limit = new() { Origins = ["*"], MaxAttempts = 1 };
            limit = faults.Try($"{at}:Origins", () => limit with { Origins = [.. from.Origins] }, limit);
            if (from.MaxAttempts is null)
            {
                faults.Add($"{at}:MaxAttempts", "missing. Set the most attempts in Period, which is a second if it is not set.");
            }

            limit = faults.Set(limit, $"{at}:MaxAttempts", from.MaxAttempts, static (o, v) => o with { MaxAttempts = v });
            limit = faults.Set(limit, $"{at}:Period", from.Period, static (o, v) => o with { Period = v });
            limits.Add(faults.Set(limit, $"{at}:Burst", from.Burst, static (o, v) => o with { Burst = v }));
        }

        return [.. limits];
    }

    private static EgressRule RuleOf(
        EgressSettings from, string at, string contentRoot, List<EgressCertificates> certificates, List<WatchedFiles> files,
        SettingFaults faults)
    {
        EgressRule rule = new() { Origins = ["*"] };
        rule = faults.Try($"{at}:Origins", () => rule with { Origins = [.. from.Origins] }, rule);
        rule = faults.Set(rule, $"{at}:AttemptTimeout", from.AttemptTimeout, static (o, v) => o with { AttemptTimeout = v });
        rule = faults.Set(rule, $"{at}:ConnectTimeout", from.ConnectTimeout, static (o, v) => o with { ConnectTimeout = v });
        rule = faults.Try($"{at}:Proxy", () => rule with { Proxy = ProxyOf(from) }, rule);
        if (from.ClientCertificateFile is null && (from.ClientCertificateKeyFile is not null || from.ClientCertificatePassword is not null))
        {
            faults.Add($"{at}:ClientCertificateFile", "missing. Set the file of the certificate that the key belongs to.");
        }

        string[] paths = [.. new[] { from.ClientCertificateFile, from.ClientCertificateKeyFile, from.RootsFile }
            .OfType<string>().Select(file => Path.Combine(contentRoot, file))];
        if (paths.Length == 0)
        {
            return rule;
        }

        // Taken before the files are read: a change in between is found by the first look.
        string content = WatchedFiles.ContentOf(paths);
        X509Certificate2[]? roots = faults.Try($"{at}:RootsFile", () => RootsOf(from, contentRoot), null);
        EgressCertificates read = faults.Try(
            $"{at}:ClientCertificateFile", () => new EgressCertificates(ClientOf(from, contentRoot), roots),
            new EgressCertificates(null, roots));
        certificates.Add(read);
        files.Add(new WatchedFiles(
            faults.PathOf(at), paths, content, () => read.Update(ClientOf(from, contentRoot), RootsOf(from, contentRoot))));
        return rule with { Certificates = read };
    }

    private static X509Certificate2? ClientOf(EgressSettings from, string contentRoot) => from.ClientCertificateFile is { } file
        ? CertificateOf(from, Path.Combine(contentRoot, file), contentRoot)
        : null;

    private static X509Certificate2[]? RootsOf(EgressSettings from, string contentRoot)
    {
        if (from.RootsFile is not { } file)
        {
            return null;
        }

        X509Certificate2Collection read = [];
        read.ImportFromPemFile(Path.Combine(contentRoot, file));
        return read.Count > 0 ? [.. read] : throw new ArgumentException($"'{file}' holds no certificate. Write them as PEM.");
    }

    private static EgressProxy? ProxyOf(EgressSettings from)
    {
        bool hasLogin = from.ProxyUser is not null || from.ProxyPassword is not null;
        if (from.Proxy is not { } text)
        {
            return hasLogin || from.ProxyResolvesNames ? throw new ArgumentException("missing. Set the url of the proxy.") : null;
        }

        return Uri.TryCreate(text, UriKind.Absolute, out Uri? url)
            ? new EgressProxy(url)
            {
                ResolvesNames = from.ProxyResolvesNames,
                Credentials = hasLogin ? new NetworkCredential(from.ProxyUser ?? "", from.ProxyPassword ?? "") : null,
            }
            : throw new ArgumentException("Must be the url of a proxy, such as http://proxy.internal:3128.");
    }

    private static X509Certificate2 CertificateOf(EgressSettings from, string path, string contentRoot)
    {
        if (Path.GetExtension(path) is ".pfx" or ".p12")
        {
            return X509CertificateLoader.LoadPkcs12FromFile(path, from.ClientCertificatePassword);
        }

        string? key = from.ClientCertificateKeyFile is { } file ? Path.Combine(contentRoot, file) : null;
        return from.ClientCertificatePassword is { } password
            ? X509Certificate2.CreateFromEncryptedPemFile(path, password, key)
            : X509Certificate2.CreateFromPemFile(path, key);
    }
}
