using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace Adcp.Aot.Hosting;

/// <summary>Fills the settings of an instance from its sections, after the code's own.</summary>
internal sealed class BindWebhookSettings(string name, WebhookRegistration registration, IConfiguration? configuration)
    : IPostConfigureOptions<AdcpWebhookSettings>
{
    public void PostConfigure(string? options, AdcpWebhookSettings settings)
    {
        if (options != name)
        {
            return;
        }

        if (configuration is not null)
        {
            settings.Bound.Values = SettingsWatch.ValuesOf(configuration, registration.Sections);
        }

        foreach (string section in registration.Sections)
        {
            if (configuration is null)
            {
                settings.Bound.Add(section, [$"{section}: the container has no IConfiguration to read it from."]);
            }
            else
            {
                SettingsReader.Read(
                    configuration.GetSection(section), settings, settings.Bound, static (from, to) => from.Bind(to), settings.Lists);
            }
        }
    }
}

/// <summary>Lists every fault of the settings of an instance.</summary>
internal sealed class ValidateWebhookSettings(string name, WebhookRegistration registration, SettingsSource source)
    : IValidateOptions<AdcpWebhookSettings>
{
    public ValidateOptionsResult Validate(string? options, AdcpWebhookSettings settings)
    {
        if (options != name)
        {
            return ValidateOptionsResult.Skip;
        }

        SettingFaults faults = new(settings.Bound.Root);
        WebhookPlan.Read(settings, registration, source, faults).DisposeSecrets();

        return faults.All.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults.All);
    }
}
